"""The simulated bench with an ear at its devices: what is asked of them, in order, and what fails on purpose."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hardware.bench import Bench, open_bench
from hardware.meter import Glimpse, Passthrough
from hardware.phone import QueuedModel
from lab.profile.profile import BenchProfile, parse_profile
from search.networks.spaces import TABLE_2
from search.tflite.writer import write_tflite

_PROFILE = """
name = "procedure"
[phone]
lock = "paper"
[window]
settle_s = 7
[tool]
min_secs = 1.2
warmup_secs = 0.2
[simulated]
seed = 1
"""


def profile() -> BenchProfile:
    return parse_profile(_PROFILE, "procedure")


@dataclass
class NotingBench:
    """Attributes:
    steps: what was asked of meter and phone, in order.
    instead: by step, what is done before it; an error ends it.
    see: changes what a glimpse at the recording shows; it is given how many glimpses there were before.
    fails: what the recording says of itself once there were so many glimpses.
    """

    real: Bench
    steps: list[str] = field(default_factory=list)
    instead: dict[str, Callable[[], None]] = field(default_factory=dict)
    see: Callable[[int, Glimpse], Glimpse] = lambda n, glimpse: glimpse
    fails: tuple[int, Exception] | None = None

    @property
    def bench(self) -> Bench:
        return replace(self.real, meter=_Noted(self, "meter"), phone=_Noted(self, "phone"))

    def note(self, step: str) -> None:
        self.steps.append(step)
        if step in self.instead:
            self.instead[step]()

    def fail(self, step: str, error: BaseException, n_times: int = 1000) -> None:
        """Let a step fail so many times."""
        left = iter(range(n_times))

        def raise_it() -> None:
            if next(left, None) is not None:
                raise error

        self.instead[step] = raise_it


class _Noted:
    """A device; whatever is called on it is noted first."""

    def __init__(self, noting: NotingBench, name: str) -> None:
        self._noting, self._name = noting, name
        self._device: Any = getattr(noting.real, name)

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._device, name)
        if not callable(member):
            return member

        def call(*arguments: Any, **named: Any) -> Any:
            self._noting.note(_words(name, arguments))
            return member(*arguments, **named)

        return call

    @contextmanager
    def recording(self) -> Iterator[Any]:
        self._noting.note("sampling begins")
        with self._device.recording() as recording:
            try:
                yield _NotedRecording(self._noting, recording)
            finally:
                self._noting.steps.append("sampling ends")


class _NotedRecording:
    def __init__(self, noting: NotingBench, recording: Any) -> None:
        self._noting, self._recording = noting, recording
        self._n_glimpses = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._recording, name)

    @property
    def failure(self) -> Exception | None:
        fails = self._noting.fails
        if fails is not None and self._n_glimpses >= fails[0]:
            return fails[1]
        return self._recording.failure  # type: ignore[no-any-return]

    def glimpse(self) -> Glimpse:
        self._n_glimpses += 1
        return self._noting.see(self._n_glimpses - 1, self._recording.glimpse())


def _words(name: str, arguments: tuple[Any, ...]) -> str:
    if name == "set_passthrough":
        return "USB on" if arguments[0] is Passthrough.ON else "USB off"
    return name.replace("_", " ")


@contextmanager
def noting_bench() -> Iterator[NotingBench]:
    """An open bench whose phone is prepared."""
    with open_bench(profile().bench_settings(0)) as bench, bench.phone.prepared(profile().lock):
        yield NotingBench(bench)


def models(folder: Path, n: int = 2) -> list[QueuedModel]:
    """The same small network under several weights."""
    queue = []
    for seed in range(n):
        path = folder / f"{seed}.tflite"
        path.write_bytes(write_tflite(TABLE_2, seed))
        queue.append(QueuedModel(hashlib.sha256(path.read_bytes()).hexdigest(), path))
    return queue
