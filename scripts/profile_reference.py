"""Writes docs/reference/profile.md from the profile's own sections; with --check only says whether it is up to date."""

from __future__ import annotations

import sys
from pathlib import Path

from lab.profile.keys import ProfileKey, profile_sections, toml_value

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "profile.md"

_INTRODUCTION = """\
# Bench profiles

<!-- Written by scripts/profile_reference.py from lab/profile/profile.py: change the descriptions there. -->

A profile is one TOML file that says which meter and phone there are, how the phone is fed, how is measured, and what
is good enough. `lab init` writes one for the hardware that is plugged in; `lab measure --bench NAME` uses it. A name
stands for a file in `$LAB_PROFILES`, else in `~/.config/lab`, else for a profile that ships (`simulated`); a path
ending in `.toml` stands for itself. Without `--bench` it is `bench`, the one that `lab init` writes, and the
simulated bench if there is none.

Every key but `name` may be left out. An unknown key is an error, and all errors of a file are reported at once. The
text of the profile is kept with every start of the bench.

| key | meaning | default | accepted |
|---|---|---|---|
| `name` | Name of the bench; kept with every session. | none, must be given | text |
"""

_ABOUT = {
    "meter": "The power monitor.",
    "supply": "How the phone is fed. `floor_v` ≤ `voltage_v` ≤ `ceiling_v`; the ceiling is 4.40 V at most.",
    "phone": "The phone.",
    "tool": "TFLite's `benchmark_model` and how it is called.",
    "window": "One window: many models while USB is cut once.",
    "precision": "How often a model is visited, and how drift of the bench is noticed.",
    "gates": "What a visit must fulfil for its energy to count.",
    "simulated": "With this section, even an empty one, the bench is simulated and its results are marked SIMULATED.",
}


def page() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for section, keys in profile_sections().items():
        parts.append(f"\n## [{section}]\n\n{_ABOUT[section]}\n\n")
        parts.append("| key | meaning | unit | default | accepted |\n|---|---|---|---|---|\n")
        parts.extend(_row(key) for key in keys)
    return "".join(parts)


def _row(key: ProfileKey) -> str:
    default = "left out" if key.default is None else f"`{toml_value(key.default)}`"
    return f"| `{key.name}` | {key.meaning} | {key.unit or '-'} | {default} | {key.accepted} |\n"


def main(arguments: list[str]) -> int:
    """Write the page, or compare it; 1 if it is out of date."""
    if "--check" in arguments:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
            return 0
        sys.stderr.write(f"{PAGE.name} is out of date: run python scripts/profile_reference.py\n")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
