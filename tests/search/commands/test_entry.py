"""How a command begins and ends."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

_SAYS = """
from search.commands.entry import run_command
run_command(lambda: lambda: print("caf\\u00e9 \\udcff", flush=True))
"""


@pytest.mark.parametrize(("encoding", "shown"), [("utf-8", "café \\udcff\n"), ("ascii", "caf\\xe9 \\udcff\n")])
def test_letters_that_a_terminal_cannot_show_become_escapes(encoding: str, shown: str) -> None:
    strict = {**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"}
    done = subprocess.run([sys.executable, "-c", _SAYS], env=strict, capture_output=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode("utf-8") == shown
