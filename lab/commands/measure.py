"""`lab measure`: measure the energy of sampled architectures, or of a user's own models."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

_TOP_ROWS = 10


def measure(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[MODEL.tflite | FOLDER]...", help="Your own .tflite files, or folders of them."),
    ] = None,
    n: Annotated[
        int | None, typer.Option("--n", min=1, max=1_000_000, help="How many architectures to measure in all.")
    ] = None,
    bench: Annotated[
        str | None,
        typer.Option("--bench", help="Bench profile: a name or a .toml file. [default: yours, else simulated]"),
    ] = None,
    db: Annotated[str, typer.Option("--db", help="Database: a file or an SQLAlchemy URL.")] = "lab.db",
    seed: Annotated[int, typer.Option("--seed", min=0, max=2**63 - 1, help="Seed of the sampling.")] = 1,
    campaign: Annotated[str | None, typer.Option("--campaign", help="Name; a campaign of that name goes on.")] = None,
    models: Annotated[
        Path | None, typer.Option("--models", help="The same as naming the folder, or file, without an option.")
    ] = None,
    architectures: Annotated[
        Path | None, typer.Option("--architectures", help="Measure the architectures of this list instead.")
    ] = None,
    study: Annotated[
        str | None, typer.Option("--study", help="Measure the best trained networks of this search instead.")
    ] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="How many of the study.")] = 5,
    repeats: Annotated[int, typer.Option("--repeats", min=1, help="Visits of each model, at least.")] = 1,
    space: Annotated[str, typer.Option("--space", help="Search space to sample: audio2d or audio1d.")] = "audio2d",
    precision: Annotated[
        float | None,
        typer.Option("--precision", min=0.001, max=0.9, help="Target half width of the 95 % interval, a fraction."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option("--record", help="Keep all that crosses the wire in this new file: `lab replay`.")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Give the models that failed a fresh start.")
    ] = False,
    fault: Annotated[
        str | None,
        typer.Option("--fault", help="Simulated bench: what goes wrong on purpose, NAME[,NAME]; `list` shows all."),
    ] = None,
    fault_seed: Annotated[int, typer.Option("--fault-seed", min=0, help="Decides when it does.")] = 1,
    fault_rate: Annotated[
        float,
        typer.Option("--fault-rate", min=0.0, max=1.0, help="Part of the windows with a fault; 0: each once."),
    ] = 0.0,
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
    from db.shown_text import harmless
    from hardware.tape.container import check_free
    from lab.campaign import campaign as campaigns
    from lab.campaign.progress import shown_progress
    from lab.campaign.recording import check_recordable
    from lab.campaign.request import MeasureRequest, plan_of
    from lab.commands.measure_report import check_space, dry_run_report, final_report, print_faults
    from lab.profile.profile import load_profile

    profile = load_profile(bench)
    if fault == "list":
        print_faults()
        return
    if fault is not None:
        profile = profile.with_faults([name.strip() for name in fault.split(",")], fault_seed, fault_rate)
    if precision is not None:
        profile = profile.with_precision(precision)
    own = (*(files or ()), *([models] if models else ()))
    wanted = MeasureRequest(n, own, architectures, study, top, space, seed, campaign, repeats)
    plan = plan_of(wanted, profile, db)
    for note in plan.notes:
        sys.stderr.write(f"{harmless(note)}\n")
    check_space(plan, profile, db)
    if record is not None:
        check_free(record)
        check_recordable(profile)
    if dry_run:
        dry_run_report(plan, profile, db, as_json)
        return
    with open_database(db) as database:
        # The bar ends before the result is printed: it would stay below it.
        with shown_progress(as_json) as observe, polite_interrupt() as should_stop:
            try:
                row = campaigns.measure(
                    database, profile, plan, observe, should_stop, record=record, retry_failed=retry_failed
                )
            except KeyboardInterrupt as stop:
                notes = "".join(f"{note}\n" for note in getattr(stop, "__notes__", []))
                given_back = "" if notes else "; the phone was given back"
                sys.stderr.write(f"{notes}Stopped at once{given_back}. The same command goes on from here.\n")
                raise typer.Exit(130) from None
            interrupted = should_stop()
        if record is not None and not record.exists():
            sys.stderr.write(f"Nothing was left to measure: {record} was not written.\n")
        failed = final_report(database, row, db, as_json, profile.precision, n_rows=_TOP_ROWS)
    if interrupted:
        raise typer.Exit(130)
    if failed:
        raise typer.Exit(1)


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
