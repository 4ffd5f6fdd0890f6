"""Writes docs/reference/figures.md from benchmarks/results/figures.toml: by subject, one figure a row.

python scripts/figures.py          write the page
python scripts/figures.py --check  say whether it is what the file says
"""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "benchmarks" / "results" / "figures.toml"
PAGE = ROOT / "docs" / "reference" / "figures.md"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    text = page(tomllib.loads(FIGURES.read_text(encoding="utf-8")))
    if not arguments.check:
        PAGE.write_text(text, encoding="utf-8")
    elif PAGE.read_text(encoding="utf-8") != text:
        sys.stderr.write(f"{PAGE} is not what {FIGURES} says: run `python scripts/figures.py`\n")
        return 1
    return 0


def page(found: dict[str, object]) -> str:
    """The page as Markdown.

    Args:
        found: `conditions`, `subjects` by key with their titles, and `figures` with subject, what, value and command.
    """
    subjects, figures = found["subjects"], found["figures"]
    assert isinstance(subjects, dict)
    assert isinstance(figures, list)
    parts = ["# Figures", "", "Every figure that this project states, with the command that prints it.", ""]
    parts += [str(found["conditions"]).strip(), "", "Written by `scripts/figures.py`.", ""]
    for key, subject in subjects.items():
        parts += [f"## {subject['title']}", "", "| what | figure | command |", "|---|---|---|"]
        parts += [f"| {one['what']} | {one['value']} | {one['command']} |" for one in figures if one["subject"] == key]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
