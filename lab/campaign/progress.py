"""Shows where a campaign is: bars on a terminal, plain lines elsewhere, JSON lines for machines. All on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from lab.campaign.steps import CampaignStep, Observer, Phase


@contextmanager
def shown_progress(as_json: bool) -> Iterator[Observer]:
    """An observer that shows steps for the length of the block."""
    if as_json:
        yield _json_line
    elif sys.stderr.isatty():
        with _bars() as observer:
            yield observer
    else:
        yield _PlainLines().see


def _json_line(step: CampaignStep) -> None:
    if step.phase is not Phase.MEASURING:
        # `doing` is what release 0.1 wrote in the place of `phase`: it goes with the next release.
        sys.stderr.write(json.dumps({"doing": step.phase.label, **asdict(step)}) + "\n")


def useful_share(step: CampaignStep) -> float:
    """Share of the bench time that sampled inferences."""
    return step.useful_s / step.bench_s if step.bench_s > 0 else 0.0


class _PlainLines:
    """A line whenever a window is done."""

    def see(self, step: CampaignStep) -> None:
        if step.phase in (Phase.PREPARING, Phase.OPENING, Phase.WINDOW_DONE):
            mark = "SIMULATED  " if step.simulated else ""
            sys.stderr.write(
                f"{mark}{step.phase.label}: {step.n_done} of {step.n_tasks} done, {step.n_failed} failed, "
                f"{step.bench_s / 3600:.2f} bench hours, {useful_share(step):.0%} of them sampling\n"
            )
            sys.stderr.flush()


@contextmanager
def _bars() -> Iterator[Observer]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, refresh_per_second=4, speed_estimate_period=300) as bars:
        bar = bars.add_task("measuring", total=None, note="")

        def see(step: CampaignStep) -> None:
            mark = "[yellow]SIMULATED[/] " if step.simulated else ""
            doing = step.phase.label
            if step.window_s:
                doing += f", {step.window_s:.0f} s of this window"
            note = f"{doing}; {step.bench_s / 3600:.2f} bench h, {useful_share(step):.0%} sampling"
            if step.n_failed:
                note += f", {step.n_failed} failed"
            bars.update(
                bar,
                description=f"{mark}architectures",
                completed=step.n_done + step.n_failed,
                total=step.n_tasks or None,
                note=note,
            )

        yield see
