"""What a terminal of 80 columns shows in the first hour: the tutorial's commands, typed in an empty folder.

    python scripts/transcript.py

Writes docs/tutorial/first-hour-transcript.md; takes some minutes. Ends with 1 when a command did not end with 0.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "walks"))

from walk import Walk, commands_of, screen_of  # noqa: E402 (a tool of the tests)

PAGE = "docs/tutorial/first-hour.md"
OUT = ROOT / "docs" / "tutorial" / "first-hour-transcript.md"
HEAD = """# The first hour on the screen

What the commands of [first-hour.md](first-hour.md) print in a terminal of 80 columns, as `scripts/transcript.py` found
it. Durations are those of the computer that it ran on; energies are SIMULATED, sounds SYNTHETIC.
"""


def main() -> int:
    parts, failed = [HEAD], 0
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk.begun(Path(folder))
        for command in commands_of(PAGE):
            walk.said = ""
            failed += walk.type_in_terminal(command) != 0
            shown = "\n".join(screen_of(walk.said)).rstrip().replace(str(walk.home), "~")
            parts.append(f"```text\n$ {command}\n{shown}\n```\n")
            sys.stdout.write(parts[-1])
            sys.stdout.flush()
    OUT.write_text("\n".join(parts), encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
