"""The pages of the documentation are typed as they stand, in an empty folder: every command ends well."""

from __future__ import annotations

from pathlib import Path

import pytest
from walk import Walk, commands_of, screen_of

# Page, whether in a terminal (else piped), and what must stand in what was printed.
PAGES = (
    ("docs/tutorial/first-hour.md", False),
    ("docs/how-to/own-models.md", True),
    ("docs/how-to/own-models.md", False),
)
NEEDS_TRAINING = ("docs/tutorial/first-hour.md",)
CUT = "…"


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("page", "in_terminal"), PAGES)
def test_every_command_of_a_page_ends_well(page: str, in_terminal: bool, tmp_path: Path) -> None:
    if page in NEEDS_TRAINING:
        pytest.importorskip("tensorflow")
    walk = Walk.begun(tmp_path)
    type_it = walk.type_in_terminal if in_terminal else walk.type_piped
    for command in commands_of(page):
        assert type_it(command) == 0, f"{command}\n{walk.said}"
    assert "Traceback" not in walk.said
    assert "SIMULATED" in walk.said
    # No table loses a word: neither where it is narrow, nor where nobody sees how wide it is.
    shown = screen_of(walk.said) if in_terminal else walk.said.splitlines()
    assert [line for line in shown if CUT in line] == []
