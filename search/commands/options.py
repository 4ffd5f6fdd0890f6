"""The options that commands of `search` have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import typer

from search.commands.terminal import say

Given = TypeVar("Given")

Trials = Annotated[
    int, typer.Option("--trials", min=1, max=1_000_000, help="How many trials the study shall have in all.")
]
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
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Data = Annotated[
    Path | None, typer.Option("--audioset", help="Folder with AudioSet. [default: synthetic sounds, made here]")
]
Sounds = Annotated[
    Path | None, typer.Option("--sounds", help="Folder of your own sounds, a folder of clips per class.")
]
Recording = Annotated[
    str | None,
    typer.Option(
        "--recording",
        metavar="REGEX",
        help="With --sounds: finds the recording in a file's name; '(.+)': each file is one of its own. "
        "[default: the name without a number at its end]",
    ),
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
Replicate = Annotated[
    str | None,
    typer.Option(
        "--replicate", help="Begin with the networks of this study, trained from another seed (--seed): replicates."
    ),
]
ReplicateTable = Annotated[
    Path | None,
    typer.Option("--replicate-table", help="The same of a table from `search trainings`, the most accurate first."),
]
OldEffort = Annotated[str | None, typer.Option("--effort", hidden=True)]
OldAgain = Annotated[str | None, typer.Option("--again", hidden=True)]
OldAgainTable = Annotated[Path | None, typer.Option("--again-table", hidden=True)]
RewardName = Annotated[str, typer.Option("--reward", help="b or b-prime: what energy costs.")]
Budget = Annotated[
    str,
    typer.Option(
        "--budget",
        help="Training of each network: smoke (shows that all works), quick (about a minute a trial) or thorough.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=2**31 - 1, help="Seed of proposals and trainings.")]

DEFAULT_ALGORITHM = "known-penalty"

DEFAULT_PREDICTOR = Path("energy-model")
"""Where `lab fit-rf` writes."""


def under_old_name(value: Given, old_value: Given | None, old: str, new: str, default: Given) -> Given:
    """The value of an option that was renamed in release 0.2; its old name still works, with a note on stderr.

    Raises:
        typer.BadParameter: both were given.
    """
    if old_value is None:
        return value
    if value != default:
        raise typer.BadParameter(f"{old} is the old name of {new}: give one of them")
    say(f"note: {old} is called {new} from release 0.2 on; the old name goes with the next release")
    return old_value
