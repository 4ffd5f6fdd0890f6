"""Types commands as a user would: in a terminal of 80 columns, or with everything going to files."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pexpect
import pyte

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
COLUMNS, LINES = 80, 24
CUT = "…"
_PROMPT = "walk> "
_BLOCK = re.compile(r"^( *)```sh\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def commands_of(page: str, instead: Mapping[str, str] | None = None) -> list[str]:
    """What a page of the documentation tells to type, line by line; blocks in a list are indented with it.

    Args:
        instead: a part of a command -> what a test types in its place. The page must hold each.
    """
    text = (ROOT / page).read_text(encoding="utf-8")
    commands = [line.strip() for _, block in _BLOCK.findall(text) for line in block.splitlines() if line.strip()]
    assert commands, f"{page} tells to type nothing"
    return replaced(commands, instead or {}, page)


def replaced(commands: list[str], instead: Mapping[str, str], where: str) -> list[str]:
    """The commands with parts of them replaced; a replacement that no command needs is a mistake of the table."""
    typed = list(commands)
    for old, new in instead.items():
        # `--n 20` is no part of `--n 200`.
        part = re.compile(re.escape(old) + (r"(?!\d)" if old[-1].isdigit() else ""))
        assert any(part.search(command) for command in commands), f"{where} does not tell to type `{old}` any more"
        typed = [part.sub(lambda _, new=new: new, command) for command in typed]
    return typed


@dataclass
class Walk:
    """A folder of a user that has nothing yet.

    Attributes:
        in_terminal: whether commands see a terminal of 80 columns; else their output goes to files.
        said: everything that was printed so far, as it came.
    """

    home: Path
    folder: Path
    in_terminal: bool = False
    said: str = field(default="")

    @classmethod
    def begun(cls, at: Path, in_terminal: bool = False) -> Walk:
        """In an empty folder, with an empty home."""
        home, folder = at / "home", at / "empty"
        home.mkdir()
        folder.mkdir()
        return cls(home, folder, in_terminal)

    @property
    def environment(self) -> dict[str, str]:
        """Without what a user may have set, with this project's commands in the path."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("LAB_", "XDG_", "COLUMNS"))}
        return clean | {
            "HOME": str(self.home), "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "TERM": "xterm-256color",
            "LINES": str(LINES), "PS1": _PROMPT, "NO_COLOR": "",
        }  # fmt: skip

    def ends_well(self, command: str) -> str:
        """Type a command that has to end with exit code 0; returns what it printed."""
        code, printed = self.type(command)
        assert code == 0, f"{command}\n{printed}"
        return printed

    def type(self, command: str, timeout_s: float = 900) -> tuple[int, str]:
        """Type a command; returns its exit code and what it printed."""
        before = len(self.said)
        code = (self._type_in_terminal if self.in_terminal else self._type_piped)(command, timeout_s)
        return code, self.said[before:]

    def type_and_interrupt(self, command: str, sign: str, timeout_s: float = 120) -> int:
        """Type a command in a terminal and Ctrl-C once it has printed a sign; returns its exit code."""
        # In place of the shell, which would hear Ctrl-C too and end with a code of its own.
        child = self._spawned(f"exec {command}", timeout_s)
        child.expect_exact(sign)
        self.said += (child.before or "") + sign
        child.sendintr()
        return self._ended(child)

    def keep_profile(self, text: str) -> None:
        """A bench profile of this user's, as `lab init` writes it."""
        folder = self.home / ".config" / "lab"
        folder.mkdir(parents=True)
        (folder / "bench.toml").write_text(text, encoding="utf-8")

    def shown(self) -> list[str]:
        """The lines that a user has seen."""
        return screen_of(self.said) if self.in_terminal else self.said.splitlines()

    def assert_readable(self) -> None:
        """No traceback, and no table that loses a word: neither where it is narrow, nor where nobody sees its width."""
        assert "Traceback" not in self.said
        assert [line for line in self.shown() if CUT in line] == []

    def _type_piped(self, command: str, timeout_s: float) -> int:
        done = subprocess.run(
            command, shell=True, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=timeout_s, check=False,
        )  # fmt: skip
        self.said += done.stdout + done.stderr
        return done.returncode

    def _type_in_terminal(self, command: str, timeout_s: float) -> int:
        return self._ended(self._spawned(command, timeout_s))

    def _spawned(self, command: str, timeout_s: float) -> pexpect.spawn[str]:
        return pexpect.spawn(
            "/bin/sh", ["-c", command], cwd=str(self.folder), env=self.environment, encoding="utf-8",
            dimensions=(LINES, COLUMNS), timeout=timeout_s,
        )  # fmt: skip

    def _ended(self, child: pexpect.spawn[str]) -> int:
        child.expect(pexpect.EOF)
        self.said += child.before or ""
        child.close()
        return child.exitstatus if child.exitstatus is not None else 128 + (child.signalstatus or 0)


def hints_of(said: str) -> list[str]:
    """The commands that were printed to be typed next, in the order in which they came, each once."""
    plain = re.sub(r"\x1b\[[0-9;]*m|\r", "", said)
    lines = re.findall(r"(?:^|; )[Nn]ext: (.*(?:\n {6}\S.*)*)", plain, re.MULTILINE)
    commands = [part.strip() for line in lines for part in line.splitlines()]
    return list(dict.fromkeys(commands))


def screen_of(said: str) -> list[str]:
    """The lines that a terminal of 80 columns has shown, the scrolled ones too, each as wide as it was."""
    screen = pyte.HistoryScreen(COLUMNS, LINES, history=100_000, ratio=1)
    pyte.Stream(screen).feed(said)
    scrolled = ["".join(line[column].data for column in range(COLUMNS)) for line in screen.history.top]
    return [line.rstrip() for line in (*scrolled, *screen.display)]
