"""Blocks of packets come back as they were."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.tape.packet_block import pack_block, unpack_block


@given(st.lists(st.binary(min_size=1, max_size=64), min_size=1, max_size=40))
def test_packets_of_any_length_come_back(packets: list[bytes]) -> None:
    moments_s = np.linspace(1.0, 2.0, len(packets)).tolist()
    width, payload = pack_block(packets, moments_s)
    lengths, slots = unpack_block(len(packets), width, payload)
    assert [slots[i, :n].tobytes() for i, n in enumerate(lengths)] == packets
    assert all(not slots[i, n:].any() for i, n in enumerate(lengths))


def test_the_gaps_between_packets_stand_in_microseconds() -> None:
    _, payload = pack_block([b"a", b"b", b"c"], [10.0, 10.0006, 10.5])
    assert np.frombuffer(payload, np.uint8, 12, 3).reshape(4, 3).T.copy().view("<u4").ravel().tolist() == [
        0,
        600,
        499400,
    ]


@pytest.mark.parametrize(("n", "width"), [(0, 3), (2, 0), (2, 65), (3, 3), (-1, 3)])
def test_numbers_that_do_not_fit_the_payload_are_refused(n: int, width: int) -> None:
    _, payload = pack_block([b"abc", b"de"], [0.0, 0.0])
    with pytest.raises(ValueError, match="packets"):
        unpack_block(n, width, payload)


def test_a_packet_longer_than_its_slot_is_refused() -> None:
    width, payload = pack_block([b"abc", b"de"], [0.0, 0.0])
    with pytest.raises(ValueError, match="longer"):
        unpack_block(2, width, b"\xff" + payload[1:])
