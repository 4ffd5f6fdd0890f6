"""Processes that work ahead: started afresh, and never left behind."""

from __future__ import annotations

import multiprocessing
import os
import threading
from concurrent.futures import ProcessPoolExecutor
from multiprocessing.process import BaseProcess


def worker_pool(n_workers: int) -> ProcessPoolExecutor:
    """A pool whose processes end with this one, even when it is killed."""
    # Not fork: the caller may have threads (USB, logging) whose locks a fork would copy.
    return ProcessPoolExecutor(n_workers, multiprocessing.get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    # A pool's workers wait for work for ever when their parent is killed.
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_leave_after, args=(parent,), daemon=True).start()


def _leave_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)
