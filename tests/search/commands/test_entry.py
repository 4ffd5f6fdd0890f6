"""How a command begins and ends: streams that are gone or full, Ctrl-C of the first moment, the version."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.commands.entry import INTERRUPTED, OUTPUT_LOST

BIN = Path(sys.executable).parent


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A command line of a shell, with this project's commands in its path."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    environment = clean | {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "XDG_CONFIG_HOME": str(folder)}
    return subprocess.run(
        ["/bin/bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.mark.parametrize("program", ["lab", "search", "python -m lab", "python -m search"])
def test_both_commands_know_their_version(program: str, tmp_path: Path) -> None:
    done = run(f"{program} --version", tmp_path)
    assert (done.returncode, done.stdout.split()[0]) == (0, "energy-lab")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_a_full_disk_behind_stdout_has_an_exit_code_of_its_own(tmp_path: Path) -> None:
    done = run("search space > /dev/full", tmp_path)
    assert done.returncode == OUTPUT_LOST
    assert "error: stdout cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("gone", [">&-", "2>&-", ">&- 2>&-", "<&-", "2> /dev/full", "| true", "2>&1 | true"])
def test_a_reader_that_is_gone_changes_nothing(gone: str, tmp_path: Path) -> None:
    done = run(f"set -o pipefail; search space show table2 {gone}", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_command_line_keeps_its_exit_code_without_anyone_to_tell(tmp_path: Path) -> None:
    for gone in ("2>&-", "2> /dev/full", ">&- 2>&-"):
        assert run(f"search space show nothing {gone}", tmp_path).returncode == 2
        assert run(f"lab status --db none.db {gone}", tmp_path).returncode == 5


def test_a_campaign_goes_on_when_its_terminal_has_closed_the_pipe(tmp_path: Path) -> None:
    done = run("set -o pipefail; lab measure --n 2 --bench simulated 2>&1 | head -1; lab status", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 done" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


@pytest.mark.parametrize("program", ["run_command(interrupt)", "run_command(lambda: interrupt)"])
def test_an_interrupt_while_it_loads_or_runs_ends_without_a_traceback(program: str) -> None:
    code = (
        "import os, signal\n"
        "from search.commands.entry import run_command\n"
        "def interrupt():\n    os.kill(os.getpid(), signal.SIGINT)\n    signal.pause()\n"
        f"{program}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == INTERRUPTED
    assert "Traceback" not in done.stderr


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
