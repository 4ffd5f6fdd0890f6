"""How the commands of this project begin and end: signals while they load, and streams that may be gone.

Imports nothing that takes time: a Ctrl-C of the first moments must find it loaded.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn, TextIO

OUTPUT_LOST = 74
"""Exit code of a command that did its work and could not print it: the disk behind stdout is full."""

INTERRUPTED = 130


def run_command(load: Callable[[], Callable[[], None]]) -> NoReturn:
    """Runs a command line and ends the process.

    Args:
        load: imports the command line, and returns what runs it.
    """
    signal.signal(signal.SIGINT, _leave)
    out, err = Guarded(sys.stdout, 1), Guarded(sys.stderr, 2)
    sys.stdout, sys.stderr = out, err
    code: Any = 0
    try:
        main = load()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        main()
    except SystemExit as ended:
        code = ended.code
    except KeyboardInterrupt:
        code = INTERRUPTED
    # What comes now takes no time, and a second Ctrl-C could only break it off.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if code == INTERRUPTED and not out.lost:
        err.write("Interrupted: what was kept stays, the same command begins or goes on.\n" if not err.last else "")
    out.flush()
    err.flush()
    if out.lost not in (None, errno.EPIPE) and not code:
        err.write(f"error: stdout cannot be written: {os.strerror(out.lost)}\n")
        err.write("hint: give the output another place; nothing else was lost\n")
        code = OUTPUT_LOST
    sys.exit(code)


class Guarded:
    """A text stream whose reader may go away: what cannot be written is dropped, and the work goes on.

    Letters that the stream cannot write become escapes.

    Args:
        stream: None where the process was started without it.
        descriptor: of the stream; it then leads nowhere once the stream is lost.

    Attributes:
        lost: the error number of the first write that failed.
        last: the end of what was written last.
    """

    def __init__(self, stream: TextIO | None, descriptor: int) -> None:
        self.lost: int | None = None
        self.last = ""
        if stream is None:
            # Closed by whoever started the process: the next file that is opened must not take its place.
            _lead_nowhere(descriptor)
            stream = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 (for the process's life)
            self.lost = errno.EPIPE
        self._stream, self._descriptor = stream, descriptor

    def write(self, text: str) -> int:
        """Writes, or drops."""
        if self.lost is None:
            with self._noticing():
                try:
                    self._stream.write(text)
                except UnicodeEncodeError as error:
                    # A name that is no text, or that the terminal has no letters for.
                    self._stream.write(text.encode(error.encoding, "backslashreplace").decode(error.encoding))
            self.last = text[-1:] or self.last
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        """Writes, or drops."""
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        """Flushes, or drops."""
        if self.lost is None:
            with self._noticing():
                self._stream.flush()

    @contextlib.contextmanager
    def _noticing(self) -> Any:
        try:
            yield
        except OSError as error:
            self.lost = error.errno or errno.EIO
            # What the stream still holds is written at the process's end.
            with contextlib.suppress(OSError):
                _lead_nowhere(self._descriptor)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _lead_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    if nowhere != descriptor:
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def _leave(number: int, frame: object) -> None:
    os._exit(INTERRUPTED)
