"""Names and texts of others as a terminal takes them: what would move its cursor or turn letters round shows itself.

A record, a folder or a table may come from somebody else: what stands in it must not set the title of a window or hide
what was printed before.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

_NO_TEXT = ("Cc", "Cs")
_MOVES = (*_NO_TEXT, "Cf", "Zl", "Zp")
# Many scripts and pictures are spelled with them.
_JOINERS = "\u200c\u200d"


def harmless(text: str) -> str:
    """A text with what moves the cursor written out, e.g. an escape as \\x1b; line breaks stay."""
    return "".join(c if c == "\n" or not _moves(c) else _written_out(c) for c in _decoded(text))


def printable(name: Path | str) -> str:
    """A name on one line: its line breaks, and bytes that are no text, are written out too."""
    return "".join(_written_out(c) if _moves(c) else c for c in _decoded(str(name)))


def is_text(name: str) -> bool:
    """Whether a name has only letters, signs and spaces: no control characters, no bytes that are no text."""
    return not any(unicodedata.category(c) in _NO_TEXT for c in name)


def _decoded(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def _moves(character: str) -> bool:
    return unicodedata.category(character) in _MOVES and character not in _JOINERS


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
