"""Text from a record as a user may see it: a name that would talk to the terminal or to rich only shows itself."""

from __future__ import annotations

import unicodedata


def harmless(text: str) -> str:
    """The text with control characters written out, e.g. an escape as \\x1b; line breaks stay.

    A database may come from somebody else: what stands in it must not move the cursor, set the title of a window or
    hide what was printed before.
    """
    return "".join(c if c == "\n" or unicodedata.category(c)[0] != "C" else _written_out(c) for c in text)


def marked_up(text: str) -> str:
    """The same for a rich table, in which square brackets are brackets and no markup."""
    from rich.markup import escape

    return escape(harmless(text))


def _written_out(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
