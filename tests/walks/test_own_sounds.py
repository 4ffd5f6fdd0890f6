"""The page on own sounds is typed as it stands, in a folder with a few clips: every command ends well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sound_specimens import write_sounds
from walk import Walk, commands_of

PAGE = "docs/how-to/own-sounds.md"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(
    "in_terminal", [pytest.param(True, id="terminal"), pytest.param(False, id="piped", marks=pytest.mark.slow)]
)
def test_own_sounds_go_from_a_folder_of_clips_to_a_class_for_a_file(in_terminal: bool, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    walk = Walk.begun(tmp_path, in_terminal)
    write_sounds(walk.folder / "clips", 30, rate_hz=22_050)
    for command in commands_of(PAGE):
        walk.ends_well(command)
    walk.assert_readable()
    assert "clips, 2 classes, 48-6-6 clips" in walk.said
    assert "SYNTHETIC" not in walk.said
    assert re.search(r"clips/high/rec1\.wav: (high|low) 0\.\d\d", walk.said)
    assert len(list((walk.folder / "final").glob("*.tflite"))) == 1
