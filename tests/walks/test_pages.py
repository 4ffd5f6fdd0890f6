"""The pages of the documentation are typed as they stand, in an empty folder: every command ends well."""

from __future__ import annotations

from pathlib import Path

import pytest
from walk import Walk, commands_of

PAGES = ("docs/tutorial/first-hour.md", "docs/how-to/own-models.md")
NEEDS_TRAINING = ("docs/tutorial/first-hour.md",)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("in_terminal", [True, False], ids=["terminal", "piped"])
@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_ends_well(page: str, in_terminal: bool, tmp_path: Path) -> None:
    if page in NEEDS_TRAINING:
        pytest.importorskip("tensorflow")
    walk = Walk.begun(tmp_path, in_terminal)
    for command in commands_of(page):
        walk.ends_well(command)
    walk.assert_readable()
    assert "SIMULATED" in walk.said


def test_a_page_that_no_longer_tells_what_a_test_replaces_is_noticed() -> None:
    with pytest.raises(AssertionError, match="`--n 51` any more"):
        commands_of("docs/tutorial/first-hour.md", {"--n 51": "--n 5"})
