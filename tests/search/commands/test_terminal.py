"""Commands that are printed can be typed as they stand, and sentences read in any terminal."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pexpect
import pytest

from search.commands.terminal import as_typed, say


def test_what_a_command_takes_anyway_is_left_out() -> None:
    assert as_typed("search", "show", 3, study="search", db="lab.db", space="audio2d") == "search show 3"
    assert as_typed("lab", "predict", "table2", model=Path("energy-model"), out=None) == "lab predict table2"
    typed = as_typed("lab", "export", analysis_version=2, out="rows.csv", db="other.db")
    assert typed == "lab export --analysis-version 2 --out rows.csv --db other.db"


@pytest.mark.parametrize("name", ["my lab.db", "it's.db", "a;b.db", "postgresql://h/x?a=1&b=2", "$HOME.db", "ä b.db"])
def test_a_name_reaches_the_command_as_it_was(name: str) -> None:
    assert shlex.split(as_typed("lab", "status", name, db=name)) == ["lab", "status", name, "--db", name]


LONG = "SIMULATED SYNTHETIC    1/20  accuracy        50.0%  1.63 mJ   66.8 kB  reward 0.4853  best 0.4853  31 s"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_sentence_is_broken_between_words_in_a_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS")
    folder = "/a" * 60
    program = f"from search.commands.terminal import say; say({LONG!r}); say('kept in {folder}')"
    lines = in_terminal(program, columns).splitlines()
    assert " ".join(lines).split() == [*LONG.split(), "kept", "in", folder]
    assert all(len(line) <= columns for line in lines if folder not in line)


def test_a_sentence_to_a_file_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(LONG)
    assert capsys.readouterr().err == f"{LONG}\n"


def in_terminal(program: str, columns: int) -> str:
    """What a program prints in a terminal of so many columns."""
    child = pexpect.spawn(sys.executable, ["-c", program], encoding="utf-8", dimensions=(24, columns), timeout=60)
    child.expect(pexpect.EOF)
    return str(child.before)
