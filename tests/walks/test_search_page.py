"""The page on searching is typed from first to last, in small sizes, and so is what is printed to be typed next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sound_specimens import write_sounds
from surrogate_specimens import made_up_trainings
from walk import Walk, commands_of, hints_of, replaced

from search.surrogate.trainings import read_trainings, write_trainings

PAGE = "docs/how-to/search.md"

SMALLER = {
    "--n 2000": "--n 60",
    "--trials 20": "--trials 2 --budget smoke",
    "show 7": "show 2",
    "export 7": "export 2",
    "search dashboard": "search dashboard --port 0",
    "--baselines --repeats 5": "--repeats 1 --budget smoke",
    "--trials 300": "--trials 1 --budget smoke",
    "--trials 2000": "--trials 40",
    "--seed 2": "--seed 2 --budget smoke",
    "--trials 15": "--trials 1",
    "--trials 500": "--trials 1",
    "init --study s": "init --study s --budget smoke",
    # Trials in a file: tests/search/studies/test_postgresql.py has them on a server.
    "postgresql+psycopg://user@host/nas": "sqlite:///nas.db",
}
"""What takes hours on the page -> the same in seconds."""

SERVES = "search dashboard"
"""Serves until Ctrl-C."""

WITHOUT_TRAINING = "search run --study accuracies"
"""With this command the second half of the page begins: searches that train little, and many machines."""

OF_HINTS = {"SOUND.wav": "clips/high/rec0.wav", "--n 100": "--n 3"}
OF_LATER_HINTS = {"search run --study surrogate-": "search run --trials 2 --study surrogate-"}
"""What a printed command leaves to the user, or would take minutes -> what is typed."""

OF_THE_PAGE = ("lab fit-rf", "lab measure finalists", "search worker")
"""Printed commands that the page itself goes on with: typed already."""


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_searching_is_typed_from_the_first_measurement_to_the_comparison(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    walk = Walk.begun(tmp_path, in_terminal=True)
    first, _ = _halves()
    for command in first:
        if command.startswith(SERVES):
            assert walk.type_and_interrupt(command, "Ctrl-C ends it") == 0
        else:
            walk.ends_well(command)
    assert "SIMULATED SYNTHETIC" in walk.said
    assert (walk.folder / "front.png").stat().st_size > 0
    _type_hints(walk, OF_HINTS)
    _assert_tables_keep_their_words(walk)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("in_terminal", [True, False], ids=["terminal", "piped"])
def test_searching_without_training_and_on_many_machines_is_typed(in_terminal: bool, tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    walk = Walk.begun(tmp_path, in_terminal)
    first, second = _halves()
    for command in [*first[:2], *second]:
        walk.ends_well(command)
        if "--out trainings.csv" in command:
            _let_many_have_been_trained(walk.folder / "trainings.csv")
    # Said once more of the table as it is now: large enough for a surrogate.
    walk.ends_well("search trainings --table trainings.csv --out trainings.csv")
    _type_hints(walk, OF_LATER_HINTS)


def _halves() -> tuple[list[str], list[str]]:
    commands = commands_of(PAGE, SMALLER)
    (middle,) = [i for i, command in enumerate(commands) if command.startswith(WITHOUT_TRAINING)]
    return commands[:middle], commands[middle:]


def _let_many_have_been_trained(table: Path) -> None:
    """A surrogate takes 40 networks: made-up ones join those of the walk, of which there are too few."""
    known = read_trainings(table)
    made_up = made_up_trainings().rows
    n = len(known.rows[0].curve)
    others = tuple(replace(row, curve=row.curve[-n:]) for row in made_up)
    write_trainings(table, replace(known, rows=(*known.rows, *others)))


def _type_hints(walk: Walk, instead: Mapping[str, str]) -> None:
    """Every command that was printed to be typed next."""
    write_sounds(walk.folder / "clips", 1)
    for hint in replaced(hints_of(walk.said), instead, "what was printed"):
        if not hint.startswith(OF_THE_PAGE):
            walk.ends_well(hint)
    walk.assert_readable()


def _assert_tables_keep_their_words(walk: Walk) -> None:
    """A terminal of 80 columns shows every word that a file would hold, unbroken."""
    piped = replace(walk, in_terminal=False)
    for command in ("search best", "search best --front", "search show 1", "search compare"):
        in_file = set(piped.ends_well(command).split())
        begun = len(walk.shown())
        walk.ends_well(command)
        seen = set(" ".join(walk.shown()[max(0, begun - 24) :]).split())
        rules = {word for word in in_file if set(word) <= set("━─")}
        long = {word for word in in_file if len(word) > 80}
        assert in_file - rules - long <= seen, command
