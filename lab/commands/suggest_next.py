"""`lab suggest-next`: which architectures to measure next, for the best predictor from the fewest measurements."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from search.commands.terminal import as_typed, next_steps, say


def suggest_next(
    n: Annotated[int, typer.Option("--n", min=1, help="How many architectures to suggest.")],
    db: Annotated[str, typer.Option("--db", help="Database: a file or an SQLAlchemy URL.")] = "lab.db",
    campaign: Annotated[str | None, typer.Option("--campaign", help="Learn from this campaign only.")] = None,
    phone: Annotated[str | None, typer.Option("--phone", help="Learn from the phone with this serial only.")] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="NAME=VALUE: learn from rows of this clock, tool, ... only.")
    ] = None,
    mix: Annotated[
        list[str] | None, typer.Option("--mix", help="A condition that may differ between rows (repeatable).")
    ] = None,
    space: Annotated[str | None, typer.Option("--space", help="Search space. [default: the measured one]")] = None,
    pool: Annotated[int, typer.Option("--pool", min=100, help="Candidates to choose among.")] = 10_000,
    variance: Annotated[
        bool, typer.Option("--variance", help="From 300 measured on: where the forest's trees disagree.")
    ] = False,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the candidates.")] = 1,
    out: Annotated[Path | None, typer.Option("--out", help="Write the list to this file. [default: stdout]")] = None,
) -> None:
    """Suggests architectures to measure: those that best fill the gaps between what is measured.

    Prints a list, an architecture a line, that `lab measure --architectures` takes. What is measured or planned in
    the database is not suggested again.

    Exit codes: 0 done; 2 wrong usage, or rows that must not be mixed; 5 database unusable; 70 a defect.
    """
    from db.database import open_database
    from lab.commands.fit_rf_options import make_selection
    from lab.prediction.suggestion import suggest_next as suggest
    from predictor.suggestion import Method

    method: Method = "variance" if variance else "space-filling"
    selection = make_selection(campaign, phone, tuple(only or ()), tuple(mix or ()))
    with open_database(db, create=False) as database:
        suggested = suggest(database, selection, n, space=space, n_pool=max(pool, n), seed=seed, method=method)
    lines = "".join(f"{architecture.text}\n" for architecture in suggested.architectures)
    if out is None:
        sys.stdout.write(lines)
    else:
        _write(out, lines)
    learnt = {True: " from SIMULATED measurements", False: " from measurements", None: ""}[suggested.simulated]
    say(f"{n:,} architectures by {suggested.method}{learnt}; {suggested.n_known:,} are measured or planned already")
    next_steps(as_typed("lab", "measure", "--architectures", out or "LIST.txt", db=db), beside_data=True)


def _write(out: Path, text: str) -> None:
    from db.whole_file import whole_file
    from lab.errors import UsageError

    try:
        with whole_file(out) as part:
            part.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{out} cannot be written: {error.strerror}.", "Choose another place with --out.") from error
