"""`lab measure`: measure the energy of sampled architectures, or of a person's own models."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from lab.campaign import CampaignPlan
    from lab.profile import BenchProfile

_TOP_ROWS = 10


def measure(
    n: Annotated[int | None, typer.Option("--n", min=1, help="How many architectures to measure in all.")] = None,
    bench: Annotated[
        str | None,
        typer.Option("--bench", help="Bench profile: a name or a .toml file. [default: yours, else simulated]"),
    ] = None,
    db: Annotated[str, typer.Option("--db", help="Database: a file or an SQLAlchemy URL.")] = "lab.db",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the sampling.")] = 1,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Name; a campaign of that name goes on.")] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="Measure the .tflite files of this folder instead.")
    ] = None,
    architectures: Annotated[
        Path | None, typer.Option("--architectures", help="Measure the architectures of this list instead.")
    ] = None,
    space: Annotated[str, typer.Option("--space", help="Search space to sample: audio2d or audio1d.")] = "audio2d",
    precision: Annotated[
        float | None,
        typer.Option("--precision", min=0.001, max=0.9, help="Target half width of the 95 % interval, a fraction."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would do, and cost.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Progress and result as JSON.")] = False,
) -> None:
    """Measure the energy per inference of neural networks on a phone.

    Running the same command again goes on where it stopped; a larger --n extends the campaign. Ctrl-C once ends after
    the window that is being measured, twice stops at once; nothing that was recorded is lost.

    Exit codes: 0 done; 1 done, but some models failed; 2 wrong usage, profile or models; 3 bench missing or in use;
    4 stopped half-way, the same command continues; 5 database unusable; 70 a defect of this program; 130 interrupted.
    """
    from db.database import open_database
    from lab import campaign as campaigns
    from lab.commands.measure_report import check_space, dry_run_report, final_report
    from lab.profile import load_profile
    from lab.progress import shown_progress

    profile = load_profile(bench)
    if precision is not None:
        profile = profile.with_precision(precision)
    plan = make_plan(profile, n, seed, campaign, models, architectures, space)
    check_space(plan, profile, db)
    if dry_run:
        dry_run_report(plan, profile, db, as_json)
        return
    with open_database(db) as database, shown_progress(as_json) as observe, polite_interrupt() as should_stop:
        try:
            row = campaigns.measure(database, profile, plan, observe, should_stop)
        except KeyboardInterrupt as stop:
            notes = "".join(f"{note}\n" for note in getattr(stop, "__notes__", []))
            given_back = "" if notes else "; the phone was given back"
            sys.stderr.write(f"{notes}Stopped at once{given_back}. The same command goes on from here.\n")
            raise typer.Exit(130) from None
        interrupted = should_stop()
        failed = final_report(database, row, db, as_json, profile.precision, n_rows=_TOP_ROWS)
    if interrupted:
        raise typer.Exit(130)
    if failed:
        raise typer.Exit(1)


def make_plan(
    profile: BenchProfile,
    n: int | None,
    seed: int,
    name: str | None,
    folder: Path | None = None,
    listed: Path | None = None,
    space: str = "audio2d",
) -> CampaignPlan:
    """The plan of a command line.

    Raises:
        ModelsError: not exactly one of n, folder and list is given, or they cannot be used.
        SearchError: no space of that name; or the list cannot be read, or a line of it is no network.
    """
    from lab.campaign import CampaignPlan as Plan
    from lab.errors import ModelsError
    from lab.model_files import LISTED, SAMPLED, listed_architectures, own_models
    from lab.plan import architecture_tasks, canary_tasks, model_tasks, sampled_tasks
    from search.spaces import AUDIO_2D, space_named

    given = [option for option, value in (("--n", n), ("--models", folder), ("--architectures", listed)) if value]
    if len(given) > 1:
        raise ModelsError(
            f"{' and '.join(given)} exclude each other.",
            "All files of a folder, or all architectures of a list, are measured; --n is for sampled ones.",
        )
    share = profile.precision.repeat_frac
    watch = tuple(canary_tasks(profile.precision.n_canaries))
    if folder is not None:
        ready = own_models(folder)
        return Plan(
            name=name or f"{profile.name}-{folder.resolve().name}",
            source="models",
            source_detail=str(folder.resolve()),
            seed=seed,
            tasks=(*watch, *model_tasks(ready, seed, share)),
            own_models={model.spec.sha256: model for model in ready},
        )
    if listed is not None:
        return Plan(
            name=name or f"{profile.name}-{listed.stem}",
            source="sampled",
            source_detail=f"{LISTED}{listed.resolve()}",
            seed=seed,
            tasks=(*watch, *architecture_tasks(listed_architectures(listed), seed, share)),
            own_models={},
        )
    if n is None:
        raise ModelsError(
            "Say what to measure.",
            "Give --n NUMBER for sampled architectures, --architectures LIST, or --models FOLDER.",
        )
    chosen = space_named(space)
    drawn_from = "" if chosen is AUDIO_2D else f"-{chosen.name}"
    return Plan(
        name=name or f"{profile.name}{drawn_from}-seed{seed}",
        source="sampled",
        source_detail=f"{chosen.name}{SAMPLED}{seed}",
        seed=seed,
        tasks=(*watch, *sampled_tasks(n, seed, share, chosen)),
        own_models={},
    )


@contextmanager
def polite_interrupt() -> Iterator[Callable[[], bool]]:
    """Ctrl-C once asks to stop, twice raises KeyboardInterrupt, as SIGTERM and SIGHUP do at once.

    Yields whether to stop. What comes after that is ignored: the phone is being given back.
    """
    asked = stopping = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal asked, stopping
        if stopping:
            return
        if asked or number != signal.SIGINT:
            asked = stopping = True
            raise KeyboardInterrupt
        asked = True
        sys.stderr.write("\nEnding after this window; Ctrl-C again stops at once.\n")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield lambda: asked
    finally:
        for number, old in before.items():
            signal.signal(number, old)
