"""The page on software of others: its first command, typed in a checkout."""

from __future__ import annotations

from pathlib import Path

import pytest
from walk import ROOT, Walk, commands_of

IN_A_CHECKOUT = {"python benchmarks/": f"python {ROOT}/benchmarks/"}


@pytest.mark.slow
def test_fake_and_real_server_are_held_against_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The real server is what it is about; it runs on a port of its own.
    monkeypatch.delenv("ADBUTILS_ADB_PATH")
    walk = Walk.begun(tmp_path)
    for command in commands_of("docs/how-to/conformance.md", IN_A_CHECKOUT):
        assert "0 differ without an explanation" in walk.ends_well(command)
    walk.assert_readable()
