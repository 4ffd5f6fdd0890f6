"""The decoders that are fuzzed: real specimens of what each reads, the errors it may raise, and what must hold.

Specimens come out of the recorded sessions of the tests (tests/data/recordings), so they are what crosses the wire.
`Wrong` is a value that a checksum, a counter or a second statement of the same thing shows to be wrong.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from fuzzing import meters, phones, recordings

__all__ = ["DECODERS", "Decoder"]


@dataclass(frozen=True)
class Decoder:
    """One decoder under test.

    Attributes:
        make: makes the function that runs input n: it gets a random generator of its own, and raises what is wrong.
        allowed: errors that are documented.
    """

    name: str
    make: Callable[[], Callable[[random.Random], None]]
    allowed: tuple[type[BaseException], ...]


DECODERS = {
    decoder.name: decoder
    for decoder in (
        Decoder("usb-packets", meters.usb_packets, ()),
        Decoder("serial-frames", meters.serial_frames, ()),
        Decoder("adb-streams", phones.adb_streams, phones.ADB_ERRORS),
        Decoder("tool-output", phones.tool_output, ()),
        Decoder("journal", phones.journal, phones.JOURNAL_ERRORS),
        Decoder("recording", recordings.recording, recordings.ERRORS),
        Decoder("replay", recordings.replayed, recordings.REPLAY_ERRORS),
        Decoder("window", recordings.window, recordings.WINDOW_ERRORS),
    )
}
