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
    """A bar with counts and time left, and a line below it that says what is being done."""
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    columns = (
        TextColumn("models"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    bars, note, pace = Progress(*columns, speed_estimate_period=300), Text(overflow="fold"), _Pace()
    bar = bars.add_task("measuring", total=None)
    with Live(Group(bars, note), console=Console(stderr=True), refresh_per_second=4):

        def see(step: CampaignStep) -> None:
            note.plain = _note(step)
            bars.update(bar, completed=pace.settled(step), total=step.n_tasks or None)

        yield see


def _note(step: CampaignStep) -> str:
    parts = [step.phase.label + (f", {step.window_s:.0f} s of this window" if step.window_s else "")]
    parts.append(f"{step.bench_s / 3600:.2f} bench h, {useful_share(step):.0%} sampling")
    if step.n_failed:
        parts.append(f"{step.n_failed} failed")
    return ("SIMULATED  " if step.simulated else "") + "; ".join(parts)


class _Pace:
    """How many models are settled, the part of the window that is under way included, by the last one's length."""

    def __init__(self) -> None:
        self._n_before, self._window_s, self._n_of_window = 0, 0.0, 0
        self._last_s, self._shown = 0.0, 0

    def settled(self, step: CampaignStep) -> int:
        """Whole models; never more than the window can still bring."""
        n = step.n_done + step.n_failed
        if step.phase is Phase.WINDOW_DONE:
            self._window_s, self._n_of_window = self._last_s, n - self._n_before
            self._n_before = n
            self._shown = n
        self._last_s = step.window_s or self._last_s
        if step.window_s and self._window_s > 0:
            expected = min(self._n_of_window, step.n_tasks - n)
            self._shown = max(self._shown, n + int(expected * min(step.window_s / self._window_s, 0.95)))
        return max(n, self._shown)
