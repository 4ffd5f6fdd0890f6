"""One campaign a meter and a phone: a lock file each, which the kernel frees when its holder dies.

The file says who holds it: process, when that began, campaign. What a dead process has left written in it is told by
the process that takes the lock over.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from hardware.clock import RealClock
from lab.errors import BenchLocked

if TYPE_CHECKING:
    from hardware.discovery import Discovery
    from lab.profile.profile import BenchProfile

log = logging.getLogger(__name__)

_EVERYBODY = 0o666
_SHARED_FOLDER = 0o1777
# Field 22 of /proc/PID/stat, counted after the command's name, which may hold blanks (proc(5)).
_START_FIELD = 19


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes:
        what: it does, e.g. "campaign night".
        since_utc: when it took the lock, ISO.
        process_start: when the process began, in the kernel's clock ticks; a process number is given out again.
    """

    pid: int
    what: str
    since_utc: str
    process_start: int

    def __str__(self) -> str:
        return f"process {self.pid}, {self.what}, since {self.since_utc}"

    @property
    def is_alive(self) -> bool:
        """Whether that very process is still there."""
        return _process_start(self.pid) == self.process_start


def _process_start(pid: int) -> int | None:
    """When a process began, in clock ticks; None if there is none of that number."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        return int(stat.rpartition(")")[2].split()[_START_FIELD])
    except (OSError, ValueError, IndexError):
        return None


def _this_holder(what: str) -> Holder:
    since = RealClock().utc().isoformat(timespec="seconds")
    return Holder(os.getpid(), what, since, _process_start(os.getpid()) or 0)


def locks_folder() -> Path:
    """Where the locks of devices are: the same for every user and every way of logging in, unless $LAB_LOCKS says."""
    return Path(os.environ.get("LAB_LOCKS") or "/tmp/energy-lab-locks")


def device_names(profile: BenchProfile, discovery: Discovery) -> list[str]:
    """The devices to be locked, by what is listed: asking a meter itself for its name would be too late.

    Every process has a simulated bench of its own, so of one only those devices are locked that its profile names.
    """
    if profile.simulated is not None:
        named = (("meter", profile.meter.serial), ("phone", profile.phone.serial))
        return [f"simulated-{kind}-{serial}" for kind, serial in named if serial]
    meters = [profile.meter.serial] if profile.meter.serial else []
    phones = [profile.phone.serial] if profile.phone.serial else []
    if profile.meter.kind == "lvpm":
        meters = [os.path.realpath(profile.meter.port or "/dev/ttyACM0")]
    elif not meters:
        meters = list(discovery.meters())
    return [f"meter-{serial}" for serial in meters] + [
        f"phone-{serial}" for serial in phones or list(discovery.phones())
    ]


@contextmanager
def locked(devices: list[str], holder: str) -> Iterator[None]:
    """Hold the locks of some devices.

    Args:
        devices: names, e.g. "meter-26511".
        holder: what to tell others: campaign and process.

    Raises:
        BenchLocked: somebody else holds one; the message says who.
    """
    with ExitStack() as stack:
        for device in devices:
            # A path in the name would be too long for a file's name, and two names could become the same.
            short = re.sub(r"[^a-zA-Z0-9.-]", "_", device)[:40]
            digest = hashlib.sha256(device.encode()).hexdigest()[:12]
            stack.enter_context(locked_file(locks_folder() / f"{short}-{digest}.lock", device, holder))
        yield


@contextmanager
def locked_file(path: Path, what: str, holder: str) -> Iterator[None]:
    """Hold the lock of one thing.

    Args:
        path: of the lock file.
        what: it is that is locked, for messages.
        holder: what to tell others.

    Raises:
        BenchLocked: somebody else holds it, or the file cannot be used.
    """
    try:
        descriptor = _open(path)
    except OSError as error:
        raise BenchLocked(
            f"{what} cannot be locked: {path}: {error.strerror}.",
            "Make the folder writable for you; $LAB_LOCKS names another folder for the locks of devices.",
        ) from error
    with os.fdopen(descriptor, "r+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _in_use(path, what, file) from error
        if (dead := _read_holder(file)) is not None:
            log.warning("%s: the lock of %s, which ended without giving it back, is taken over", what, dead)
        _write_holder(file, json.dumps(asdict(_this_holder(holder))))
        try:
            yield
        finally:
            _write_holder(file, "")


def _in_use(path: Path, what: str, file: TextIO) -> BenchLocked:
    found = _read_holder(file)
    if found is None:
        return BenchLocked(f"{what} is in use by another process.", f"Wait for it to end; `fuser {path}` names it.")
    if found.is_alive:
        return BenchLocked(
            f"{what} is in use by {found}.",
            f"Wait for it to end, or stop it (`kill {found.pid}`); its lock goes with it.",
        )
    return BenchLocked(
        f"{what} is locked by something that {found}, has left running; the process itself has ended.",
        f"End what it left: `fuser -k {path}`.",
    )


def _read_holder(file: TextIO) -> Holder | None:
    """Who the file says holds it; None for an empty file, and for one that says nothing."""
    file.seek(0)
    try:
        found = json.loads(file.read())
        return Holder(int(found["pid"]), str(found["what"]), str(found["since_utc"]), int(found["process_start"]))
    except (ValueError, KeyError, TypeError):
        return None


def _write_holder(file: TextIO, text: str) -> None:
    file.seek(0)
    file.truncate(0)
    file.write(text)
    file.flush()


def _open(path: Path) -> int:
    """Open or make a lock file that every user of this computer can lock."""
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.parent.chmod(_SHARED_FOLDER)
    before = os.umask(0)
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, _EVERYBODY)
    finally:
        os.umask(before)
