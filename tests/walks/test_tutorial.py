"""The tutorial is typed as it stands, in an empty folder: every command ends well, the next one finds what it needs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "first-hour.md"
BIN = Path(sys.executable).parent


def commands() -> list[str]:
    """What the page tells to type, line by line."""
    blocks = re.findall(r"^```sh\n(.*?)^```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.timeout(1200)
def test_the_tutorial_runs_from_the_first_command_to_the_last(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    home = tmp_path / "home"
    home.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "XDG_"))}
    environment = clean | {"HOME": str(home), "COLUMNS": "80", "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
    folder = tmp_path / "empty"
    folder.mkdir()
    said = ""
    for command in commands():
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        said += done.stdout
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    assert "SIMULATED" in said
    assert (folder / "mine.tflite").stat().st_size > 1000
