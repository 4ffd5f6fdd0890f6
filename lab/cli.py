"""The `lab` command: what a user types, and how errors reach them."""

from __future__ import annotations

import logging
import sys
from typing import Any

import typer

from lab.errors import BENCH_UNAVAILABLE, DEFECT, RECORD_UNAVAILABLE, SOME_FAILED, STOPPED, USAGE
from search.commands.terminal import Verbose, Version, explain, log_to_stderr

log = logging.getLogger(__name__)

app = typer.Typer(
    name="lab",
    help="Measure the energy per inference of neural networks on a phone.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=True,
)


@app.callback()
def _options(
    verbose: Verbose = 0,
    version: Version = False,
) -> None:
    log_to_stderr(verbose)


def register(to: typer.Typer) -> None:
    """Give the commands to an application; each imports what it needs when it is called."""
    from lab.commands.audit import audit
    from lab.commands.build import build
    from lab.commands.doctor import doctor
    from lab.commands.export import export
    from lab.commands.fit_rf import fit_rf
    from lab.commands.incidents import incidents
    from lab.commands.init import init
    from lab.commands.measure import measure
    from lab.commands.predict import predict
    from lab.commands.reanalyse import reanalyse
    from lab.commands.replay import replay
    from lab.commands.show import show
    from lab.commands.status import status
    from lab.commands.suggest_next import suggest_next

    for command in (
        measure,
        status,
        show,
        incidents,
        audit,
        export,
        build,
        fit_rf,
        predict,
        suggest_next,
        replay,
        reanalyse,
        doctor,
        init,
    ):
        to.command()(command)


def exit_code_of(error: Exception) -> int | None:
    """The exit code of an error that a user can do something about; None for a defect of the program."""
    from db.errors import DbError, NamedWrongly
    from hardware.errors import HardwareError, TransientError
    from hardware.tape.errors import ReplayDiverged, TapeError
    from lab.errors import LabError
    from predictor.errors import PredictorError
    from search.errors import SearchError

    if isinstance(error, LabError):
        return error.exit_code
    if isinstance(error, TapeError):
        return SOME_FAILED if isinstance(error, ReplayDiverged) else USAGE
    if isinstance(error, TransientError):
        return STOPPED
    if isinstance(error, HardwareError):
        return BENCH_UNAVAILABLE
    if isinstance(error, NamedWrongly):
        return USAGE
    if isinstance(error, DbError):
        return RECORD_UNAVAILABLE
    if isinstance(error, SearchError | PredictorError):
        return USAGE
    return None


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `lab` command."""
    register(app)
    try:
        app(args=arguments, prog_name="lab")
    except Exception as error:
        code = exit_code_of(error)
        if code is None:
            log.exception("this is a defect of the program, not of your bench")
            sys.exit(DEFECT)
        _explain(error)
        sys.exit(code)


def _explain(error: Any) -> None:
    explain("\n".join([str(error), *getattr(error, "__notes__", [])]), str(error.hint))
