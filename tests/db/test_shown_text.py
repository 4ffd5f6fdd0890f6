"""What others wrote is shown as it reads, and what would move the cursor or turn letters round shows itself."""

from __future__ import annotations

import os

import pytest

from db.shown_text import harmless, is_text, printable

MOVING = {
    "an escape": ("a\x1b[2J", "a\\x1b[2J"),
    "a carriage return": ("a\rb", "a\\rb"),
    "a tab": ("a\tb", "a\\tb"),
    "letters from right to left": ("a\u202egnp", "a\\u202egnp"),
    "a line separator": ("a\u2028b", "a\\u2028b"),
    "a byte that is no text": (os.fsdecode(b"a\xff"), "a\\udcff"),
    "a control of the upper half": ("a\x9bb", "a\\x9bb"),
}
READABLE = ("Grüße, 犬の声", "👩\u200d🔧", "می\u200cخواهم", "[bold] $(x) '\"\\", "a b")


@pytest.mark.parametrize(("text", "shown"), MOVING.values(), ids=MOVING)
def test_what_moves_the_cursor_is_written_out_in_texts_and_in_names(text: str, shown: str) -> None:
    assert harmless(text) == shown
    assert printable(text) == shown


@pytest.mark.parametrize("text", READABLE)
def test_what_can_be_read_stays_as_it_is(text: str) -> None:
    assert harmless(text) == printable(text) == text
    assert is_text(text)


def test_a_text_keeps_its_lines_and_a_name_stays_on_one() -> None:
    assert harmless("a\nb") == "a\nb"
    assert printable("a\nb") == "a\\nb"
    assert not is_text("a\nb")
