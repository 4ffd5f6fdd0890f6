"""Every error that a device can cause.

    HardwareError
    ├── TransientError     worth a retry: counted and recorded by the caller that retries
    │   ├── UsbLost            the meter's USB connection failed while in use
    │   ├── AdbLost            the phone left adb, or did not come back in time
    │   ├── CommandFailed      a command on the phone ended with an unexpected exit code
    │   ├── NotCalibrated      the meter sent no calibration samples in time
    │   └── PassthroughStuck   the USB lines did not follow the passthrough setting
    └── StableError        stop and tell the user
        ├── MeterNotFound, SeveralMeters, MeterFault, OverCurrent
        ├── PhoneNotFound, SeveralPhones, PhoneUnauthorised, NoRoot
        ├── VoltageOutOfRange, CurrentOutOfRange
        ├── SettingRefused     the phone did not accept a setting (a clock, a governor)
        ├── PhoneFault         what the phone reports contradicts itself or its settings
        └── ToolMissing        the benchmark tool is not there, or cannot be executed

The kind decides the policy: see docs/reference/failures.md. `hint` is the last line a user reads.
"""

from __future__ import annotations


class HardwareError(Exception):
    """A device failed.

    Args:
        device: which one ("meter 12345", "phone 98AY").
        operation: what was being done ("set voltage").
        evidence: what was seen: command, exit code, bytes.
        hint: what the user can do next.
    """

    def __init__(self, device: str, operation: str, evidence: str, hint: str) -> None:
        self.device = device
        self.operation = operation
        self.evidence = evidence
        self.hint = hint
        super().__init__(f"{device}: {operation}: {evidence}")


class TransientError(HardwareError):
    """A retry may help."""


class StableError(HardwareError):
    """A retry will not help."""


class UsbLost(TransientError):
    """The meter's USB connection failed while in use."""


class AdbLost(TransientError):
    """The phone left adb, or did not come back in time."""


class CommandFailed(TransientError):
    """A command on the phone ended with an unexpected exit code."""


class NotCalibrated(TransientError):
    """The meter sent no calibration samples in time."""


class PassthroughStuck(TransientError):
    """The USB lines did not follow the passthrough setting."""


class MeterNotFound(StableError):
    """No meter is plugged in, or it cannot be opened."""


class SeveralMeters(StableError):
    """More than one meter is plugged in and none was named."""


class MeterFault(StableError):
    """The meter reports values that it must not have."""


class OverCurrent(StableError):
    """The meter's over-current or thermal protection has switched the output off."""


class PhoneNotFound(StableError):
    """No phone answers over adb."""


class SeveralPhones(StableError):
    """More than one phone is connected and none was named."""


class PhoneUnauthorised(StableError):
    """The phone has not accepted this computer's adb key."""


class NoRoot(StableError):
    """The phone's shell is not root."""


class VoltageOutOfRange(StableError):
    """A supply voltage outside what the profile or the meter allows was asked for."""


class CurrentOutOfRange(StableError):
    """A current limit outside what the profile or the meter allows was asked for."""


class SettingRefused(StableError):
    """The phone did not accept a setting."""


class PhoneFault(StableError):
    """What the phone reports contradicts itself or its settings."""


class ToolMissing(StableError):
    """The benchmark tool is not on the phone or cannot be executed."""
