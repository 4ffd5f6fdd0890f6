"""Processes that work ahead or alongside: started afresh, and never left behind."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess
from typing import Any, Final

# Not fork: the caller may have threads (USB, logging) whose locks a fork would copy.
_START_METHOD: Final = "spawn"


def worker_pool(n_workers: int) -> ProcessPoolExecutor:
    """A pool whose processes end with this one, even when it is killed."""
    context = multiprocessing.get_context(_START_METHOD)
    return ProcessPoolExecutor(n_workers, context, initializer=_end_with_parent)


def start_companion(work: Callable[..., None], *arguments: Any) -> BaseProcess:
    """A process that does `work(*arguments)` alongside this one, and ends with it, even when it is killed."""
    context = multiprocessing.get_context(_START_METHOD)
    companion = context.Process(target=_work_alongside, args=(work, arguments))
    companion.start()
    return companion


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
