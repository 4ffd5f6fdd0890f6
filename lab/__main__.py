"""`python -m lab`, and what the command `lab` starts."""

from __future__ import annotations

from collections.abc import Callable

from search.commands.entry import run_command


def main() -> None:
    """Runs the command line of this process, and ends it."""
    run_command(_load)


def _load() -> Callable[[], None]:
    from lab.cli import main as run

    return run


if __name__ == "__main__":
    main()
