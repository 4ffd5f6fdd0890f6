"""The catalogue of faults: what can be made to go wrong on the simulated bench, by name.

What each does to the simulated devices stands in `effects`, when it does so in `injector`. Those that hit
the host's own record are brought about by `db.record_faults`: no device can tell of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Moment = Literal["sampling", "unplugged", "push", "plugged", "commit"]


@dataclass(frozen=True)
class Fault:
    """One kind of trouble.

    Attributes:
        name: what `--fault` takes.
        does: what happens, as a phrase.
        hits: which part of the bench.
        moment: "sampling": as the meter begins to sample; "unplugged": some seconds after USB was cut; "push": as the
            next queue is sent; "plugged": as USB is passed again; "commit": at a transaction of the record.
        lasting: it stays until a user puts it right (`FaultInjector.mend`).
        shows: signs of it, of which the record has one at least afterwards: "incident KIND", "gate NAME", "tool KIND";
            "stop ERROR" where a start ends because the record itself fails.
        harmless: why nothing has to be lost or noted; empty if something must be.
    """

    name: str
    does: str
    hits: Literal["meter", "adb", "phone", "tool", "host"]
    moment: Moment
    lasting: bool = False
    harmless: str = ""
    shows: tuple[str, ...] = ()


_QUEUE_HOLDS = "the meter's queue holds 16 samples, 3.2 ms"
_IS_READ = "every known dialect is read"

_ALL: tuple[Fault, ...] = (
    Fault(
        "drop_burst", "the meter loses bursts of 100 to 1500 samples", "meter", "unplugged", shows=("incident drops",)
    ),
    Fault(
        "counter_wrap",
        "the 16-bit drop counter rolls over in a burst of drops",
        "meter",
        "sampling",
        shows=("incident drops",),
    ),
    Fault(
        "first_ms_65535",
        "the first packets say 65535 dropped",
        "meter",
        "sampling",
        harmless="the counter does not count in the first second",
    ),
    Fault(
        "short_packets",
        "nine packets of ten are short",
        "meter",
        "sampling",
        harmless="packets say their length",
    ),
    Fault("stall_3ms", "the host does not read for 3 ms, ten times", "meter", "unplugged", harmless=_QUEUE_HOLDS),
    Fault("stall_5ms", "the host does not read for 5 ms, ten times", "meter", "unplugged", shows=("incident drops",)),
    Fault("stall_50ms", "the host does not read for 50 ms, ten times", "meter", "unplugged", shows=("incident drops",)),
    Fault(
        "over_current",
        "the protection switches the output off",
        "meter",
        "unplugged",
        lasting=True,
        shows=("incident over_current",),
    ),
    Fault(
        "meter_unplugged",
        "the meter's USB is unplugged, and back after 20 s",
        "meter",
        "unplugged",
        shows=(
            "incident usb_lost",
            "incident not_calibrated",
        ),
    ),
    Fault(
        "meter_gone",
        "the meter's USB is unplugged and stays so",
        "meter",
        "unplugged",
        lasting=True,
        shows=(
            "incident usb_lost",
            "incident meter_not_found",
        ),
    ),
    Fault(
        "no_calibration",
        "the meter sends no calibration in one recording",
        "meter",
        "sampling",
        shows=("incident not_calibrated",),
    ),
    Fault("usb_stays_on", "the phone does not follow when USB is cut", "meter", "push", shows=("incident adb_lost",)),
    Fault(
        "usb_line_fed",
        "adb leaves, but the USB line keeps its voltage",
        "meter",
        "push",
        shows=("incident passthrough_stuck",),
    ),
    Fault(
        "usb_returns",
        "USB comes back on in the middle of a queue",
        "meter",
        "unplugged",
        shows=(
            "incident usb_on",
            "incident window_unusable",
            "incident passthrough_stuck",
        ),
    ),
    Fault(
        "adb_gone", "the phone does not come back on adb", "adb", "plugged", lasting=True, shows=("incident adb_lost",)
    ),
    Fault("adb_late", "the phone comes back on adb 65 to 110 s late", "adb", "plugged", shows=("incident adb_lost",)),
    Fault(
        "adb_stuck",
        "the phone comes back as `offline` and stays so until it is reconnected",
        "adb",
        "plugged",
        shows=("incident adb_lost",),
    ),
    Fault("push_hangs", "a push gets no answer", "adb", "push", shows=("incident adb_lost",)),
    Fault(
        "adb_server_killed", "the adb server dies while USB is cut", "adb", "unplugged", shows=("incident adb_lost",)
    ),
    Fault(
        "phone_reboots",
        "the phone restarts in the middle of a queue",
        "phone",
        "unplugged",
        shows=(
            "incident window_unusable",
            "incident phone_died",
            "incident settings_lost",
        ),
    ),
    Fault(
        "model_kills_phone",
        "one model restarts the phone whenever it runs",
        "phone",
        "sampling",
        shows=("incident phone_died",),
    ),
    Fault(
        "throttling",
        "skin above 40 degrees, and the thermal engine runs again",
        "phone",
        "unplugged",
        shows=(
            "gate clock_locked",
            "gate skin",
            "incident window_unusable",
            "incident settings_lost",
        ),
    ),
    Fault(
        "clock_lies",
        "the core is slower than sysfs says, until it is mended",
        "phone",
        "sampling",
        lasting=True,
        shows=("incident quarantine",),
    ),
    Fault(
        "wakeups",
        "something wakes up three times a second for a while",
        "phone",
        "sampling",
        shows=(
            "gate bursts",
            "gate error",
            "gate trend",
            "incident window_unusable",
        ),
    ),
    Fault(
        "clock_steps",
        "the phone's wall clock is set by 0.1 to 5 s, forwards or back",
        "phone",
        "unplugged",
        shows=(
            "gate alignment",
            "gate edge",
            "incident window_unusable",
        ),
    ),
    Fault(
        "journal_cut", "the end of the phone's journal is lost", "phone", "plugged", shows=("incident window_unusable",)
    ),
    Fault(
        "phone_full", "the phone's storage is full for a window", "phone", "push", shows=("incident command_failed",)
    ),
    Fault("tool_crashes", "the tool dies in one run", "tool", "sampling", shows=("tool died",)),
    Fault(
        "tool_cut_short",
        "the tool's output ends in the middle",
        "tool",
        "sampling",
        shows=(
            "tool unreadable",
            "gate markers",
        ),
    ),
    Fault("tool_says_tf1", "the tool prints as TensorFlow 1 does", "tool", "sampling", harmless=_IS_READ),
    Fault("tool_says_tf23", "the tool prints as TensorFlow 2.3 does", "tool", "sampling", harmless=_IS_READ),
    Fault("tool_says_tf", "the tool prints as TensorFlow 2.18 does", "tool", "sampling", harmless=_IS_READ),
    Fault(
        "disk_full",
        "the host's disk has no room for the record",
        "host",
        "commit",
        lasting=True,
        shows=("stop DiskFull",),
    ),
    Fault(
        "database_locked",
        "another process holds the database",
        "host",
        "commit",
        lasting=True,
        shows=("stop DatabaseLocked",),
    ),
    Fault(
        "power_loss",
        "the host loses its power: SIGKILL just before or after a commit",
        "host",
        "commit",
        shows=("stop SIGKILL",),
    ),
)

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in _ALL}
"""Every fault by its name."""
