"""The page on own sounds is typed as it stands, in a folder with a few clips: every command ends well."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from sound_specimens import write_sounds

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "own-sounds.md"
BIN = Path(sys.executable).parent


def commands() -> list[str]:
    """What the page tells to type, line by line."""
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@pytest.mark.timeout(1200)
def test_own_sounds_go_from_a_folder_of_clips_to_a_class_for_a_file(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    (tmp_path / "home").mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "XDG_"))}
    environment = clean | {
        "HOME": str(tmp_path / "home"),
        "COLUMNS": "80",
        "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}",
    }
    folder = tmp_path / "work"
    write_sounds(folder / "clips", 30, rate_hz=22_050)
    said = ""
    for command in commands():
        done = subprocess.run(
            command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False
        )
        said += done.stdout + done.stderr
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    assert "clips, 2 classes, 48-6-6 clips" in said
    assert "SYNTHETIC" not in said
    assert re.search(r"clips/high/rec1\.wav: (high|low) 0\.\d\d", said)
    assert len(list((folder / "final").glob("*.tflite"))) == 1
