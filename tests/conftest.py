"""For all tests: how to run the contract tests on real hardware, and no adb server but the tests' own."""

from __future__ import annotations

import signal
from types import SimpleNamespace

import pytest

_REASON = "needs real hardware: run with --bench PROFILE"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--bench",
        metavar="PROFILE",
        default=None,
        help="run the contract tests on the hardware of this bench profile too (a name or a .toml file)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # A shell starts what it puts into the background deaf to Ctrl-C, and what tests start inherits that.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # adbutils leaves the socket of a refused connection to the garbage collector, in whatever test that then runs.
    config.addinivalue_line("filterwarnings", "ignore:unclosed <socket:ResourceWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--bench") is None:
        for item in items:
            if item.get_closest_marker("bench") is not None:
                item.add_marker(pytest.mark.skip(reason=_REASON))


@pytest.fixture(autouse=True)
def own_adb_server(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a test on real hardware may start the computer's own adb server, as adbutils does when it finds none.

    adbutils also sleeps 10 ms whenever it closes a connection; the tests' server does not need that.
    """
    if request.node.get_closest_marker("bench") is None:
        monkeypatch.setenv("ADBUTILS_ADB_PATH", "/bin/false")
        monkeypatch.setattr("adbutils._adb.time", SimpleNamespace(sleep=lambda duration_s: None))
