"""The options that commands of `search` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Trials = Annotated[int, typer.Option("--trials", min=1, help="How many trials the study shall have in all.")]
Hours = Annotated[float | None, typer.Option("--hours", min=0.0, help="Begin no trial after so many hours.")]
Workers = Annotated[
    int, typer.Option("--workers", min=1, help="Processes that train at once, here; with one, runs repeat exactly.")
]
Resume = Annotated[bool, typer.Option("--resume", help="Only go on with a study; without, a new one is made at need.")]
Name = Annotated[str, typer.Option("--study", help="Name of the study; one of that name goes on.")]
Db = Annotated[str, typer.Option("--db", help="The record: a file or an SQLAlchemy URL.")]
Storage = Annotated[
    str | None, typer.Option("--storage", help="Where trials live: an SQLAlchemy URL. [default: beside the record]")
]
Predictor = Annotated[Path, typer.Option("--predictor", help="Folder that `lab fit-rf` has written.")]
Data = Annotated[
    Path | None, typer.Option("--audioset", help="Folder with AudioSet. [default: synthetic sounds, made here]")
]
Surrogate = Annotated[
    Path | None,
    typer.Option("--surrogate", help="Train nothing: a table of trainings, as `search trainings` writes it, answers."),
]
Space = Annotated[str, typer.Option("--space", help="audio2d or audio1d.")]
Algorithm = Annotated[
    str, typer.Option("--algorithm", help="Who proposes: known-penalty, bayesian, hybrid, hyperfirefly, pareto, ...")
]
Stopping = Annotated[
    str | None,
    typer.Option(
        "--stopping", help="Who stops trainings that will not pay: none, median, decay, tsgp. [default: tsgp]"
    ),
]
Again = Annotated[
    str | None,
    typer.Option("--again", help="Train the networks of this study again, from other seeds (--seed), before others."),
]
AgainTable = Annotated[
    Path | None,
    typer.Option("--again-table", help="The same of a table from `search trainings`, the most accurate first."),
]
RewardName = Annotated[str, typer.Option("--reward", help="b or b-prime: what energy costs.")]
EffortName = Annotated[
    str, typer.Option("--effort", help="smoke (shows that all works), quick (about a minute a trial) or thorough.")
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of proposals and trainings.")]

DEFAULT_ALGORITHM = "known-penalty"

DEFAULT_PREDICTOR = Path("energy-model")
"""Where `lab fit-rf` writes."""
