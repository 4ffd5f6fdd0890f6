"""For all tests: how to run the contract tests on real hardware, and no adb server but the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

POSTGRESQL = sorted(Path("/usr/lib/postgresql").glob("*/bin")) if Path("/usr/lib/postgresql").is_dir() else []
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


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of an empty database, `trials`, of a PostgreSQL server; there is another, `record`."""
    if not POSTGRESQL:
        pytest.skip("PostgreSQL is not installed")
    # A socket's path has at most 107 characters, which pytest's folders exceed.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))
    as_user: list[str] = []
    if os.getuid() == 0:
        # It refuses to run as root.
        if "postgres" not in {user.pw_name for user in pwd.getpwall()} or not shutil.which("runuser"):
            pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]

    def run(program: str, *arguments: str) -> None:
        command = [*as_user, str(POSTGRESQL[-1] / program), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", timeout=120)
        assert done.returncode == 0, done.stderr

    data = str(folder / "data")
    run("initdb", "--auth=trust", "--username=lab", "--pgdata", data)
    options = f"-k {folder} -c listen_addresses= -c fsync=off"
    run("pg_ctl", "--pgdata", data, "--log", str(folder / "log"), "--options", options, "--wait", "start")
    try:
        for name in ("trials", "record"):
            run("createdb", "--host", str(folder), "--username=lab", name)
        yield f"postgresql+psycopg://lab@/trials?host={folder}"
    finally:
        run("pg_ctl", "--pgdata", data, "--mode", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)
