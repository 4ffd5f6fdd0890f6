"""What can be wrong with a recording, or with a replay of it.

    TapeError
    ├── RecordingInTheWay   there is a file of that name, or it cannot be written
    ├── NoRecording         there is no such file, or it cannot be read
    ├── NotARecording       another kind of file
    ├── NewerRecording      written by a later version of the format
    ├── RecordingCutShort   its end is missing
    ├── RecordingDamaged    its bytes are not those that were written, or make no sense
    └── ReplayDiverged      the drivers did something else than was recorded

`hint` is the last line a user reads.
"""

from __future__ import annotations


class TapeError(Exception):
    """A recording cannot be used.

    Args:
        hint: what to do next.
    """

    def __init__(self, message: str, hint: str) -> None:
        self.hint = hint
        super().__init__(message)


class RecordingInTheWay(TapeError):
    """There is a file of that name, or none can be written there."""


class NoRecording(TapeError):
    """There is no such file, or it cannot be read."""


class NotARecording(TapeError):
    """The file is of another kind."""


class NewerRecording(TapeError):
    """A later version of this project has written it."""


class RecordingCutShort(TapeError):
    """The end of the recording is missing."""


class RecordingDamaged(TapeError):
    """The bytes are not those that were written, or make no sense."""


class ReplayDiverged(TapeError):
    """The drivers did something else than was recorded; the message says where."""
