"""What a fuzzed decoder must not do, apart from crashing and hanging."""

from __future__ import annotations


class WrongValue(AssertionError):
    """A value is wrong, and something in the input says so."""


def hold(condition: object, what: str) -> None:
    """Raise Wrong unless the condition holds."""
    if not condition:
        raise WrongValue(what)
