"""Runs the installed `lab` command as a user would: another process, its own folder."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

LAB = str(Path(sys.executable).parent / "lab")


@dataclass(frozen=True)
class Bench:
    """A folder with a profile of a small simulated bench that writes down its truth."""

    folder: Path
    profile: Path
    truth: Path
    db: Path

    def command(self, *arguments: str) -> list[str]:
        return [LAB, *arguments]

    def measure(self, n: int, *more: str) -> list[str]:
        return self.command("measure", "--n", str(n), "--bench", str(self.profile), "--db", str(self.db), *more)

    def run(self, *arguments: str, timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        return self.finish(self.command(*arguments), timeout_s)

    def finish(self, command: list[str], timeout_s: float = 240) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.folder, capture_output=True, text=True, timeout=timeout_s, env=environment(), check=False
        )


def environment() -> dict[str, str]:
    """The environment without what a user may have set."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("LAB_", "XDG_"))}
    return clean | {"LAB_PROFILES": "/nonexistent", "COLUMNS": "120", "ADBUTILS_ADB_PATH": "/bin/false"}
