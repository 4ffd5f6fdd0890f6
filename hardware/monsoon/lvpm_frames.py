"""The line of a Monsoon white box with its factory firmware (LVPM, serial): frames, commands, status.

`monsoon_lvpm` sends with this, `lvpm_packets` decodes what it cuts. Everything, in both directions, is a frame:

    offset  type   meaning
    0       u8     length of the rest: body and checksum
    1       ...    body
    -1      u8     (length + sum of the body) mod 256

Commands, as bodies; none is answered but the first:

    01 00 00            send a status
    01 01 v             output 2.00 + v/100 V; 0 = off
    01 08 lo, 01 09 hi  power-up limit, 01 0A lo, 01 0B hi  run-time limit: 1023 - int(A / 8 x 1023)
    01 10 m             USB passthrough: 0 off, 1 on, 2 auto
    01 1B 01, 02 FF FF FF FF 03 E8   start
    03 00               stop

Status body (58 bytes, big endian; only what is used here):

    0   u8   0x10                       19  u8   output setting, v as above; stays when the output is switched off
    1   u8   firmware                   25  u16  serial number
    9   u16  voltage at the output      27  u8   sampling rate, kHz
    32  u16  power-up limit code        34  u16  run-time limit code
    43  u8   hardware revision          45  u8   passthrough: 0 off, 1 on, 2 auto

Volts = code x 125e-6, on hardware revision 1 x 62.5e-6. The data body is in `lvpm_packets`.
(AOSP cts/tools/utils/monsoon.py and power_meter/monsoon.py; ACTS monsoon_lib api/lvpm_stock/monsoon_proxy.py.)
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]

REQUEST_STATUS = b"\x01\x00\x00"
START = (b"\x01\x1b\x01", b"\x02\xff\xff\xff\xff\x03\xe8")
STOP = b"\x03\x00"
STATUS_TYPE, DATA_BIT, KIND_MAX = 0x10, 0x20, 2
ROW_BYTES, ROWS_AT = 8, 5

_STATUS = struct.Struct(">BB7xH8xB5xHB4xHH7xBxB12x")
_OFF_BELOW_V = 1.0
_LIMIT_CODES, _LIMIT_A = 1023, 8.0
_FRAME_OVERHEAD, _DATA_OVERHEAD = 2, 5
_LOOK_AHEAD_FRAMES = 512
# Without a good frame in so many bytes this is not a white box, and nothing of it is kept.
_LONGEST_SEARCH_BYTES = 8192
VOLTS_PER_CODE, _VOLTS_PER_CODE_REVISION_1 = 125e-6, 62.5e-6


class NotAFrame(ValueError):
    """These bytes are not what they were taken for."""


def frame(body: bytes) -> bytes:
    """A body with its length and checksum around it."""
    length = len(body) + 1
    return bytes([length]) + body + bytes([(length + sum(body)) & 0xFF])


def unframe(framed: bytes) -> bytes:
    """The body of one whole frame.

    Raises:
        NotAFrame: length or checksum are wrong.
    """
    if len(framed) < 3 or framed[0] != len(framed) - 1 or sum(framed[:-1]) & 0xFF != framed[-1]:
        raise NotAFrame(f"length or checksum is wrong in {framed.hex(' ')}")
    return framed[1:-1]


def voltage_code(supply_v: float) -> int:
    """The code that sets a voltage; rounds down to whole 10 mV, so that no ceiling is passed by rounding."""
    return math.floor((supply_v - 2.0) * 100 + 1e-6) if supply_v > 0 else 0


def limit_code(limit_a: float) -> int:
    """The code of a current limit; never above the limit."""
    return _LIMIT_CODES - int(limit_a / _LIMIT_A * _LIMIT_CODES)


@dataclass(frozen=True)
class LvpmStatus:
    """What a status frame says.

    Attributes:
        setting_v: the voltage last set; stays when the output is switched off.
        measured_v: voltage at the output.
        passthrough: wire code; 2 is auto.
    """

    firmware: int
    hardware_revision: int
    serial: int
    rate_hz: float
    setting_v: float
    measured_v: float
    passthrough: int
    power_up_limit_a: float
    run_limit_a: float

    @property
    def output_v(self) -> float:
        """What the output is set to; 0.0 when the voltage at it says that it is off."""
        return self.setting_v if self.measured_v >= _OFF_BELOW_V else 0.0

    @property
    def volts_per_code(self) -> float:
        """Volts of one step of the converter."""
        return _VOLTS_PER_CODE_REVISION_1 if self.hardware_revision == 1 else VOLTS_PER_CODE


def is_status(body: bytes) -> bool:
    """Whether a frame's body is a status."""
    return len(body) == _STATUS.size and body[0] == STATUS_TYPE


def read_status(body: bytes) -> LvpmStatus:
    """The fields of a status body.

    Raises:
        NotAFrame: it is another kind of frame.
    """
    if not is_status(body):
        raise NotAFrame(f"not a status: {body.hex(' ')}")
    _, firmware, voltage, setting, serial, rate_khz, power_up, run, revision, passthrough = _STATUS.unpack(body)
    per_code = _VOLTS_PER_CODE_REVISION_1 if revision == 1 else VOLTS_PER_CODE
    return LvpmStatus(
        firmware=firmware,
        hardware_revision=revision,
        serial=serial,
        rate_hz=rate_khz * 1e3,
        setting_v=round(2.0 + setting * 0.01, 2),
        measured_v=voltage * per_code,
        passthrough=passthrough,
        power_up_limit_a=_LIMIT_A * (_LIMIT_CODES - power_up) / _LIMIT_CODES,
        run_limit_a=_LIMIT_A * (_LIMIT_CODES - run) / _LIMIT_CODES,
    )


@dataclass(frozen=True)
class FrameSplit:
    """A stretch of bytes cut into frames.

    Attributes:
        blocks: arrays (n, size) of whole frames with good checksums, in order; equally long ones together.
        n_bad: places where a checksum was wrong and the next good frame had to be searched for.
        n_used: bytes that are done with; the rest may be the beginning of a frame.
    """

    blocks: list[Bytes]
    n_bad: int
    n_used: int


def split_frames(data: Bytes) -> FrameSplit:
    """Cut bytes (n,) into frames. What is cut depends on the bytes alone, not on where a chunk ends."""
    blocks: list[Bytes] = []
    n_bad = at = 0
    while at < len(data):
        size = int(data[at]) + 1
        if at + size > len(data):
            break
        run = _n_good(data, at, size)
        if run:
            blocks.append(data[at : at + run * size].reshape(run, size))
            at += run * size
            continue
        after = _resume_after(data, at)
        if after == at:
            break
        n_bad, at = n_bad + 1, after
    return FrameSplit(blocks, n_bad, at)


def _n_good(data: Bytes, at: int, size: int) -> int:
    """How many good frames of this size follow each other, up to a limit."""
    if size <= _FRAME_OVERHEAD:
        return 0
    n = min((len(data) - at) // size, _LOOK_AHEAD_FRAMES)
    grid = data[at : at + n * size].reshape(n, size)
    bad = np.flatnonzero((grid[:, 0] != size - 1) | (grid[:, :-1].sum(axis=1, dtype=np.uint8) != grid[:, -1]))
    return int(bad[0]) if len(bad) else n


def _resume_after(data: Bytes, bad: int) -> int:
    """Where the next good frame begins after a bad one; `bad` itself if more bytes are needed to tell.

    Most often the length was right, so the place after the bad frame is tried first.
    """
    first_guess = bad + int(data[bad]) + 1
    for at in chain([first_guess], range(bad + 1, len(data))):
        if at + 3 > len(data):
            if at == first_guess:
                return bad
            break
        size = int(data[at]) + 1
        if not _plausible(size, int(data[at + 1]), int(data[at + 2])):
            continue
        if at + size > len(data):
            return bad
        if _n_good(data[: at + size], at, size):
            return at
    return bad if len(data) - bad < _LONGEST_SEARCH_BYTES else int(data.size)


def _plausible(size: int, first: int, second: int) -> bool:
    """Whether a frame may begin like this: a status, or a data frame of whole rows."""
    if first == STATUS_TYPE:
        return size == _STATUS.size + _FRAME_OVERHEAD
    return n_rows_of(size) >= 1 and first & 0xE0 == DATA_BIT and second <= KIND_MAX


def n_rows_of(size: int) -> int:
    """Rows of a data frame of `size` bytes; 0 if it cannot be one."""
    n, rest = divmod(size - _FRAME_OVERHEAD - _DATA_OVERHEAD, ROW_BYTES)
    return n if rest == 0 and n > 0 else 0
