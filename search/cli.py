"""The `search` command: looks at search spaces and networks, and searches.

The outermost file of the package. Tables go to stdout, errors with their hint to stderr; the exit codes stand in the
README. What is slow to import is imported by the command that needs it, so that `search --help` answers at once.
"""

from __future__ import annotations

import typer

from search.commands import run, space, studies, supernet
from search.commands.exits import errors_explained
from search.commands.paper import paper
from search.commands.retrain import compare, retrain
from search.commands.terminal import Verbose, Version, log_to_stderr
from search.commands.trainings import trainings

app = typer.Typer(no_args_is_help=True, help="Search spaces, networks and the search.", pretty_exceptions_enable=False)
app.add_typer(space.app, name="space")
app.add_typer(supernet.app, name="supernet")
COMMANDS = (
    *(run.run, run.init, run.worker),
    *(studies.best, studies.show, studies.export, studies.dashboard),
    *(retrain, compare, trainings, paper),
)


@app.callback()
def _options(verbose: Verbose = 0, version: Version = False) -> None:
    log_to_stderr(verbose)


for command in COMMANDS:
    app.command()(command)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line, this process's own unless other arguments are given; ends it with an exit code."""
    with errors_explained():
        app(arguments)
