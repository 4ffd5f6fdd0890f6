"""What a command prints to be typed next is typed as it stands, also where names have spaces."""

from __future__ import annotations

from pathlib import Path

import pytest
from walk import Walk, hints_of, replaced

BEGUN = (
    "lab build --n 2 --out 'my files'",
    "lab measure --n 30 --db 'my lab.db' --bench simulated",
    "lab fit-rf --db 'my lab.db' --out 'my model'",
    "lab status --db 'my lab.db'",
    "lab reanalyse --db 'my lab.db'",
    "lab suggest-next --db 'my lab.db' --n 2 --out 'my next.txt'",
)
FEWER = {"--n 100": "--n 2"}
SEARCHES = "search run "


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_is_printed_to_be_typed_next_ends_well_where_names_have_spaces(tmp_path: Path) -> None:
    walk = Walk.begun(tmp_path, in_terminal=True)
    for command in BEGUN:
        walk.ends_well(command)
    typed: list[str] = []
    # What these print is typed too.
    for _ in range(2):
        for hint in replaced(hints_of(walk.said), FEWER, "no command"):
            if hint not in typed and not hint.startswith(SEARCHES):
                typed.append(hint)
                walk.ends_well(hint)
    walk.assert_readable()
    for beginning in ("lab measure 'my files'", "lab fit-rf --db", "lab predict table2 --model", "lab suggest-next"):
        assert any(hint.startswith(beginning) for hint in typed), beginning
    for beginning in (
        "lab export --out",
        "lab show ",
        "lab measure --architectures 'my next.txt'",
        "lab export --analys",
    ):
        assert any(hint.startswith(beginning) for hint in typed), beginning
    searched = "search run --trials 20 --predictor 'my model'"
    assert any(hint.startswith(searched) for hint in hints_of(walk.said))
