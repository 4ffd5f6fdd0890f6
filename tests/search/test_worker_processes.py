"""Processes that work alongside: how they ended is known."""

from __future__ import annotations

import sys

from search.worker_processes import Companions


def test_the_exit_codes_of_companions_are_known_when_they_have_ended() -> None:
    with Companions(2, sys.exit, 5) as companions:
        pass
    assert companions.exit_codes == (5, 5)


def test_companions_that_end_well_have_exit_code_0() -> None:
    with Companions(1, len, "abc") as companions:
        pass
    assert companions.exit_codes == (0,)
