"""Processes that work alongside: how they ended is known."""

from __future__ import annotations

import os
import signal
import sys
import threading

from search.worker_processes import Companions, hear_interrupts, worker_pool


def test_the_exit_codes_of_companions_are_known_when_they_have_ended() -> None:
    with Companions(2, sys.exit, 5) as companions:
        pass
    assert companions.exit_codes == (5, 5)


def test_companions_that_end_well_have_exit_code_0() -> None:
    with Companions(1, len, "abc") as companions:
        pass
    assert companions.exit_codes == (0,)


def blocked_signals(barrier_s: float) -> tuple[int, bool]:
    """Of the process that runs it, which then stays busy for a while."""
    found = os.getpid(), signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    threading.Event().wait(barrier_s)
    return found


def test_every_process_of_a_pool_begins_deaf_to_an_interrupt_not_only_the_first() -> None:
    with worker_pool(2) as pool:
        found = [future.result(timeout=100) for future in [pool.submit(blocked_signals, 1.0) for _ in range(2)]]
    assert len({pid for pid, _ in found}) == 2
    assert all(blocked for _, blocked in found)
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_a_companion_hears_an_interrupt_of_its_loading_once_it_can() -> None:
    with Companions(1, _hears_at_last) as companions:
        companions.interrupt()
    assert companions.exit_codes == (7,)


def _hears_at_last() -> None:
    signal.signal(signal.SIGINT, lambda number, frame: sys.exit(7))
    # What came while it loaded is not lost; what comes later is heard too.
    hear_interrupts()
    threading.Event().wait(60)
