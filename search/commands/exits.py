"""How a command of `search` ends: the exit code of an error, and what is said of it on stderr."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from search.commands.entry import INTERRUPTED
from search.commands.terminal import explain
from search.errors import SearchError, StorageUnusable, TrialsFailing

log = logging.getLogger(__name__)

__all__ = ["BAD_INPUT", "DEFECT", "INTERRUPTED", "STOPPED", "STORAGE_UNUSABLE", "errors_explained"]

BAD_INPUT = 2
STOPPED = 4
STORAGE_UNUSABLE = 5
DEFECT = 70
_CODES = {StorageUnusable: STORAGE_UNUSABLE, TrialsFailing: STOPPED}


@contextmanager
def errors_explained() -> Iterator[None]:
    """Ends the process with the exit code of an error that the block raises, its problem and hint on stderr.

    An error of no package of this project is a defect: its traceback is shown.
    """
    try:
        yield
    except SearchError as error:
        explain(error.problem, error.hint)
        sys.exit(next((code for kind, code in _CODES.items() if isinstance(error, kind)), BAD_INPUT))
    except Exception as error:
        code = _code_of(error)
        if code is None:
            log.exception("this is a defect of the program")
            sys.exit(DEFECT)
        explain(str(error), str(getattr(error, "hint", "")))
        sys.exit(code)


def _code_of(error: Exception) -> int | None:
    """The exit code of an error of the packages below; None for a defect of the program."""
    from db.errors import DbError, NamedWrongly
    from predictor.errors import PredictorError

    if isinstance(error, PredictorError | NamedWrongly):
        return BAD_INPUT
    return STORAGE_UNUSABLE if isinstance(error, DbError) else None
