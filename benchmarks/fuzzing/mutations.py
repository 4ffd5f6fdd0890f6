"""Seeded mutations of bytes: input n of a seed is always the same, so a finding is reproduced by its number."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

_WORDS = (
    b"\x00", b"\xff", b"\x00\x00\x00\x00", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80",
    b"nan", b"-0", b"1e400", b"inf", b"-1", b"99999999999999999999", b"\n", b"\r", b" ", b"=", b"{", b"\xc3\x28",
)  # fmt: skip
_LONGEST_STRETCH = 4096


def mutated(data: bytes, rng: random.Random, others: Sequence[bytes] = ()) -> bytes:
    """Some mutations of a specimen.

    Args:
        data: the specimen.
        rng: decides.
        others: specimens that a stretch may be taken from.
    """
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        rng.choice(_MUTATIONS)(changed, rng)
        if others and rng.random() < 0.1:
            _splice(changed, rng, rng.choice(others))
    return bytes(changed)


def _place(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(len(data) + 1)


def _stretch(data: bytearray, rng: random.Random) -> slice:
    start = _place(data, rng)
    return slice(start, start + min(_LONGEST_STRETCH, int(rng.paretovariate(0.5))))


def _flip_bit(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set_byte(data: bytearray, rng: random.Random) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _write_word(data: bytearray, rng: random.Random) -> None:
    word = rng.choice(_WORDS)
    at = _place(data, rng)
    data[at : at + (len(word) if rng.random() < 0.5 else 0)] = word


def _insert(data: bytearray, rng: random.Random) -> None:
    at = _place(data, rng)
    data[at:at] = rng.randbytes(rng.randrange(1, 65))


def _delete(data: bytearray, rng: random.Random) -> None:
    del data[_stretch(data, rng)]


def _repeat(data: bytearray, rng: random.Random) -> None:
    part = _stretch(data, rng)
    at = _place(data, rng)
    data[at:at] = data[part] * rng.choice((1, 1, 2, 16))


def _swap(data: bytearray, rng: random.Random) -> None:
    one, other = _stretch(data, rng), _stretch(data, rng)
    kept = bytes(data[one])
    data[one] = data[other]
    data[other] = kept


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[_place(data, rng) :]


def _change_digit(data: bytearray, rng: random.Random) -> None:
    digits = [i for i, byte in enumerate(data[:65536]) if 0x30 <= byte <= 0x39]
    if digits:
        data[rng.choice(digits)] = rng.randrange(0x30, 0x3A)


def _splice(data: bytearray, rng: random.Random, other: bytes) -> None:
    source = bytearray(other)
    data[_stretch(data, rng)] = source[_stretch(source, rng)]


_MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    _flip_bit, _set_byte, _write_word, _insert, _delete, _repeat, _swap, _cut, _change_digit,
)  # fmt: skip
