"""Everything that must hold before a change lands: lint, format, types, import contracts, documents, tests.

    python scripts/check.py            all of it
    python scripts/check.py --no-tests only what takes seconds

Runs with the interpreter that runs it, so in whatever virtual environment that is.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
QUICK: tuple[tuple[str, ...], ...] = (
    ("-m", "ruff", "check", "."),
    ("-m", "ruff", "format", "--check", "."),
    ("-m", "mypy"),
    ("-c", "from importlinter.cli import lint_imports_command as c; c()"),
    ("scripts/profile_reference.py", "--check"),
    ("scripts/figures.py", "--check"),
)
# On all cores; the tests of a module stay together, and so do their fixtures.
TESTS = ("-m", "pytest", "-m", "not slow", "-n", "auto", "--dist", "loadscope")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--no-tests", action="store_true")
    arguments = parser.parse_args()
    steps = QUICK if arguments.no_tests else (*QUICK, TESTS)
    failed = [step for step in steps if _run(step) != 0]
    for step in failed:
        sys.stderr.write(f"failed: python {' '.join(step)}\n")
    return 1 if failed else 0


def _run(step: tuple[str, ...]) -> int:
    sys.stdout.write(f"==> python {' '.join(step)}\n")
    sys.stdout.flush()
    return subprocess.run([sys.executable, *step], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
