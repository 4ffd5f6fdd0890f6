"""Many USB packets as one payload, column by column: that compresses better than packet after packet.

payload  n x u8 length of each packet | 4 planes of n bytes: u32 LE microseconds since the packet before |
         width planes of n bytes: byte k of every packet, 0 where the packet is shorter
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SLOT_BYTES = 64
_LONGEST_GAP_US = 0xFFFFFFFF


def pack_block(packets: Sequence[bytes], moments_s: Sequence[float]) -> tuple[int, bytes]:
    """Width and payload of n packets of up to 64 bytes and the moments at which they came."""
    lengths = np.array([len(packet) for packet in packets], np.uint8)
    width = int(lengths.max())
    rows = np.frombuffer(b"".join(packet.ljust(width, b"\0") for packet in packets), np.uint8).reshape(-1, width)
    gaps_us = np.diff(np.asarray(moments_s), prepend=moments_s[0]) * 1e6
    gaps = np.clip(np.rint(gaps_us), 0, _LONGEST_GAP_US).astype("<u4").view(np.uint8).reshape(-1, 4)
    return width, lengths.tobytes() + gaps.T.tobytes() + rows.T.tobytes()


def unpack_block(n: int, width: int, payload: bytes) -> tuple[list[int], NDArray[np.uint8]]:
    """Lengths, and packets (n, 64) in zero-filled slots.

    Raises:
        ValueError: the payload is not of n packets of that width.
    """
    if not (0 < width <= SLOT_BYTES and n > 0 and len(payload) == n * (5 + width)):
        raise ValueError(f"{len(payload)} bytes are not {n} packets of up to {width} bytes")
    lengths = np.frombuffer(payload, np.uint8, n)
    if int(lengths.max()) > width:
        raise ValueError("a packet is longer than its slot")
    slots = np.zeros((n, SLOT_BYTES), np.uint8)
    slots[:, :width] = np.frombuffer(payload, np.uint8, n * width, 5 * n).reshape(width, n).T
    return lengths.tolist(), slots
