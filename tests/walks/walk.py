"""Types commands as a user would: in a terminal of 80 columns, or with everything going to files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
import pyte

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
COLUMNS, LINES = 80, 24
_PROMPT = "walk> "


def commands_of(page: str) -> list[str]:
    """What a page of the documentation tells to type, line by line."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


@dataclass
class Walk:
    """A folder of a user that has nothing yet.

    Attributes:
        said: everything that was printed so far, as it came.
    """

    home: Path
    folder: Path
    said: str = field(default="")

    @classmethod
    def begun(cls, at: Path) -> Walk:
        """In an empty folder, with an empty home."""
        home, folder = at / "home", at / "empty"
        home.mkdir()
        folder.mkdir()
        return cls(home, folder)

    @property
    def environment(self) -> dict[str, str]:
        """Without what a user may have set, with this project's commands in the path."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "XDG_", "COLUMNS"))}
        return clean | {
            "HOME": str(self.home), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "TERM": "xterm-256color",
            "LINES": str(LINES), "PS1": _PROMPT, "NO_COLOR": "",
        }  # fmt: skip

    def type_piped(self, command: str, timeout_s: float = 900) -> int:
        """Type a command whose output goes to files; returns its exit code."""
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
        self.said += done.stdout + done.stderr
        return done.returncode

    def type_in_terminal(self, command: str, timeout_s: float = 900) -> int:
        """Type a command in a terminal of its own; returns its exit code."""
        child = pexpect.spawn(
            "/bin/sh", ["-c", command], cwd=str(self.folder), env=self.environment, encoding="utf-8",
            dimensions=(LINES, COLUMNS), timeout=timeout_s,
        )  # fmt: skip
        child.expect(pexpect.EOF)
        self.said += child.before or ""
        child.close()
        return child.exitstatus if child.exitstatus is not None else 128 + (child.signalstatus or 0)


def screen_of(said: str) -> list[str]:
    """The lines that a terminal of 80 columns has shown, the scrolled ones too, each as wide as it was."""
    screen = pyte.HistoryScreen(COLUMNS, LINES, history=100_000, ratio=1)
    pyte.Stream(screen).feed(said)
    scrolled = ["".join(line[column].data for column in range(COLUMNS)) for line in screen.history.top]
    return [line.rstrip() for line in (*scrolled, *screen.display)]
