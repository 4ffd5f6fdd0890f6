"""The `search` command: looks at search spaces and networks, and searches.

The outermost file of the package. Tables go to stdout, errors with their hint to stderr; the exit codes stand in the
README. What is slow to import is imported by the command that needs it, so that `search --help` answers at once.
"""

from __future__ import annotations

import logging
import sys

import typer

from search.commands import run, space, studies
from search.commands.paper import paper
from search.commands.retrain import compare, retrain
from search.commands.trainings import trainings
from search.errors import SearchError, StorageUnusable

log = logging.getLogger(__name__)

BAD_INPUT = 2
STORAGE_UNUSABLE = 5
DEFECT = 70

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Search spaces, networks and the search.")
app.add_typer(space.app, name="space")
COMMANDS = (
    *(run.run, run.init, run.worker),
    *(studies.best, studies.show, studies.export, studies.dashboard),
    *(retrain, compare, trainings, paper),
)
for command in COMMANDS:
    app.command()(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line, this process's own unless other arguments are given; ends it with an exit code."""
    try:
        app(arguments)
    except SearchError as error:
        _explain(error.problem, error.hint)
        sys.exit(STORAGE_UNUSABLE if isinstance(error, StorageUnusable) else BAD_INPUT)
    except Exception as error:
        code = _code_of(error)
        if code is None:
            log.exception("this is a defect of the program")
            sys.exit(DEFECT)
        _explain(str(error), str(getattr(error, "hint", "")))
        sys.exit(code)


def _code_of(error: Exception) -> int | None:
    """The exit code of an error of the packages below; None for a defect of the program."""
    from db.errors import DbError, NamedWrongly
    from predictor.errors import PredictorError

    if isinstance(error, PredictorError | NamedWrongly):
        return BAD_INPUT
    return STORAGE_UNUSABLE if isinstance(error, DbError) else None


def _explain(problem: str, hint: str) -> None:
    typer.echo(f"error: {problem}", err=True)
    typer.echo(f"hint: {hint}", err=True)
