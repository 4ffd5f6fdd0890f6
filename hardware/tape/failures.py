"""Errors of libraries as JSON and back: a fixed list of kinds, so that a recording can make nothing else."""

from __future__ import annotations

import socket
import subprocess
from typing import Any

import serial
import usb.core
from adbutils.errors import AdbConnectionError, AdbError, AdbTimeout

_KINDS: dict[str, type[BaseException]] = {
    kind.__name__: kind
    for kind in (
        usb.core.USBTimeoutError,
        usb.core.USBError,
        usb.core.NoBackendError,
        serial.SerialTimeoutException,
        serial.SerialException,
        AdbTimeout,
        AdbConnectionError,
        AdbError,
        ConnectionRefusedError,
        ConnectionResetError,
        ConnectionAbortedError,
        BrokenPipeError,
        FileNotFoundError,
        PermissionError,
        TimeoutError,
        socket.gaierror,
        OSError,
        EOFError,
        IndexError,
        NotImplementedError,
        ValueError,
        KeyboardInterrupt,
    )
}


def described(error: BaseException) -> list[Any]:
    """Kind and arguments. An error of no kind of the list becomes the nearest one above it, else an OSError."""
    for ancestor in type(error).__mro__:
        if ancestor.__name__ in _KINDS and _KINDS[ancestor.__name__] is ancestor:
            break
    else:
        return ["OSError", f"{type(error).__name__}: {error}"]
    if isinstance(error, usb.core.USBError):
        return [ancestor.__name__, error.strerror or str(error), error.backend_error_code, error.errno]
    if isinstance(error, subprocess.SubprocessError):
        return ["OSError", str(error)]
    return [ancestor.__name__, *(arg if isinstance(arg, int | str) else str(arg) for arg in error.args)]


def raised(description: Any) -> BaseException:
    """The error again.

    Raises:
        ValueError: the description is not one.
    """
    if not isinstance(description, list) or not description or description[0] not in _KINDS:
        raise ValueError(f"not an error: {description!r:.80}")
    kind, *args = description
    if len(args) > 4 or not all(isinstance(arg, int | str | None) for arg in args):
        raise ValueError(f"not an error: {description!r:.80}")
    try:
        return _KINDS[kind](*args)
    except TypeError as error:
        raise ValueError(f"not an error: {description!r:.80}") from error
