"""The pages of the documentation are typed as they stand, in an empty folder: every command ends well."""

from __future__ import annotations

from pathlib import Path

import pytest
from walk import Walk, commands_of

FIRST_HOUR, OWN_MODELS = "docs/tutorial/first-hour.md", "docs/how-to/own-models.md"
SUPERNET = "docs/how-to/supernet.md"
# Page, whether in a terminal (else piped). Training twice takes long.
PAGES = (
    pytest.param(FIRST_HOUR, True, id="first-hour-terminal"),
    pytest.param(FIRST_HOUR, False, id="first-hour-piped", marks=pytest.mark.slow),
    pytest.param(OWN_MODELS, True, id="own-models-terminal"),
    pytest.param(OWN_MODELS, False, id="own-models-piped"),
    pytest.param(SUPERNET, True, id="supernet-terminal", marks=pytest.mark.slow),
)
NEEDS_TRAINING = (FIRST_HOUR, SUPERNET)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("page", "in_terminal"), PAGES)
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
        commands_of(FIRST_HOUR, {"--n 51": "--n 5"})
