"""Processes that work ahead or alongside: started afresh, and never left behind.

Never forked: the caller may have threads (USB, logging) whose locks a fork would copy.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.process import BaseProcess
from types import FrameType, TracebackType
from typing import Any


class _DeafProcess(SpawnProcess):
    """A process that is started with Ctrl-C held back: it could not be made deaf to it by itself in time."""

    def start(self) -> None:
        # It unblocks the signal where it starts anew.
        resource_tracker.ensure_running()
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _DeafContext(SpawnContext):
    # A pool starts its processes one by one, when it has work for them.
    Process = _DeafProcess


@contextmanager
def _held_back() -> Iterator[None]:
    """Ctrl-C comes after the block: in the middle of starting processes it would leave some that nobody knows of.

    Only the main thread hears it; a mask of this thread alone would not keep it from being raised here.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came = False

    def remember(number: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


class _Pool(ProcessPoolExecutor):
    """A pool that Ctrl-C cannot catch while it starts or ends processes."""

    def submit(self, *arguments: Any, **named: Any) -> Future[Any]:
        with _held_back():
            return super().submit(*arguments, **named)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with _held_back():
            super().shutdown(wait, cancel_futures=cancel_futures)


def worker_pool(n_workers: int) -> ProcessPoolExecutor:
    """A pool whose processes end with this one, even when it is killed, and leave Ctrl-C to it.

    A terminal sends Ctrl-C to all of them. A worker that it ended would take its task with it, and its parent would
    wait for that.
    """
    return _Pool(n_workers, _DeafContext(), initializer=_work_ahead)


class Companions:
    """Processes that work alongside this one, and end with it, even when it is killed.

    A context: its end waits for theirs, and where an error ends it (KeyboardInterrupt is one) it ends them at once.

    Args:
        arguments: of `work`.
    """

    def __init__(self, n: int, work: Callable[..., None], *arguments: Any) -> None:
        # Ctrl-C waits for them until they can hear it (`hear_interrupts`).
        self._processes = [_DeafProcess(target=_work_alongside, args=(work, arguments)) for _ in range(n)]
        with _held_back():
            for process in self._processes:
                process.start()

    def __enter__(self) -> Companions:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._join()
        finally:
            # No effect on those that have ended.
            for process in self._processes:
                process.terminate()
            self._join()

    @property
    def exit_codes(self) -> tuple[int, ...]:
        """Of those that have ended, as the processes gave them: 0 is well, below 0 a signal."""
        return tuple(process.exitcode for process in self._processes if process.exitcode is not None)

    def interrupt(self) -> None:
        """Sends each the signal of Ctrl-C."""
        for process in self._processes:
            if process.pid is not None and process.is_alive():
                os.kill(process.pid, signal.SIGINT)

    def _join(self) -> None:
        for process in self._processes:
            process.join()


def hear_interrupts() -> None:
    """A companion has its handler of Ctrl-C: from now on it hears it, and what came before."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def is_companion() -> bool:
    """Whether this process works alongside the one that a user started."""
    return multiprocessing.parent_process() is not None


def _work_ahead() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with_parent()


def _work_alongside(work: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    _end_with_parent()
    work(*arguments)


def _end_with_parent() -> None:
    # A pool's workers wait for work for ever when their parent is killed.
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent,), daemon=True).start()


def _leave_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
