"""Errors of libraries survive a recording; nothing else can be made from one."""

from __future__ import annotations

import json
import subprocess

import pytest
import serial
import usb.core
from adbutils.errors import AdbError, AdbTimeout

from hardware.tape.failures import described, raised


@pytest.mark.parametrize(
    "error",
    [
        usb.core.USBError("No such device", -4, 19),
        usb.core.USBTimeoutError("Operation timed out", -7, 110),
        serial.SerialException("device disconnected"),
        AdbError("device 'X' not found"),
        AdbTimeout("adb read timeout"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError("timed out"),
        EOFError("cut off"),
        KeyboardInterrupt(),
    ],
)
def test_an_error_comes_back_as_itself(error: BaseException) -> None:
    back = raised(json.loads(json.dumps(described(error))))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert getattr(back, "errno", None) == getattr(error, "errno", None)


def test_an_error_of_another_library_becomes_the_nearest_that_is_known() -> None:
    class Strange(ConnectionError):
        pass

    assert described(Strange("x"))[0] == "OSError"
    assert described(subprocess.TimeoutExpired("adb", 20.0))[0] == "OSError"
    assert "RuntimeError: odd" in str(raised(described(RuntimeError("odd"))))


@pytest.mark.parametrize(
    "description",
    [None, [], "OSError", ["SystemExit", 3], ["os.system", "ls"], ["OSError", {"a": 1}], ["OSError", 1, 2, 3, 4, 5]],
)
def test_what_is_no_error_of_the_list_is_refused(description: object) -> None:
    with pytest.raises(ValueError, match="not an error"):
        raised(description)
