"""Every key of a bench profile as data: meaning, unit, default, range.

Read off `lab.profile.sections`, so that what is said of a key cannot differ from what is checked.
`lab/profile/setup.py` writes commented profiles from it, `scripts/profile_reference.py` the reference page.
"""

from __future__ import annotations

import json
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from lab.profile.profile import BenchProfile

_UNITS = {
    "_v": "V",
    "_a": "A",
    "_w": "W",
    "_s": "s",
    "_secs": "s",
    "_ms": "ms",
    "_c": "°C",
    "_frac": "fraction",
}
_BOUNDS = {"gt": "above", "ge": "at least", "lt": "below", "le": "at most"}
_KINDS = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path"}


@dataclass(frozen=True)
class ProfileKey:
    """One key.

    Attributes:
        default: None if the key is left out by default.
        accepted: its type or choices, then its range, in words.
        unit: "" for a number without one.
    """

    name: str
    meaning: str
    unit: str
    default: Any
    accepted: str


def profile_sections() -> dict[str, tuple[ProfileKey, ...]]:
    """The keys of each section, in the order of `lab.profile.profile`."""
    hints = typing.get_type_hints(BenchProfile)
    sections: dict[str, tuple[ProfileKey, ...]] = {}
    for name, hint in hints.items():
        for kind in typing.get_args(hint) or (hint,):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                sections[name] = tuple(_key(key, field) for key, field in kind.model_fields.items())
    return sections


def toml_value(value: Any) -> str:
    """A default as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, tuple):
        return json.dumps(value)
    return json.dumps(str(value), ensure_ascii=False)


def _key(name: str, field: FieldInfo) -> ProfileKey:
    unit = next((unit for suffix, unit in _UNITS.items() if name.endswith(suffix)), "")
    meaning = " ".join((field.description or "").split())
    return ProfileKey(name, meaning, unit, field.default, _accepted(field))


def _accepted(field: FieldInfo) -> str:
    kind: Any = next((k for k in typing.get_args(field.annotation) if k is not type(None)), field.annotation)
    if typing.get_origin(field.annotation) is Literal:
        return " or ".join(toml_value(choice) for choice in typing.get_args(field.annotation))
    if typing.get_origin(field.annotation) is tuple:
        return "list of names"
    words = [_KINDS[kind]]
    for bound in field.metadata:
        words += [f"{word} {getattr(bound, sign):g}" for sign, word in _BOUNDS.items() if hasattr(bound, sign)]
        if getattr(bound, "pattern", None):
            words.append("an absolute path without blanks")
    return ", ".join(words)
