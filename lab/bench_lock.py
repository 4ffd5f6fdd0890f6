"""One campaign a meter and a phone: a lock file each, which the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import BenchLocked

if TYPE_CHECKING:
    from lab.finders import Finders
    from lab.profile import BenchProfile

_EVERYBODY = 0o666
_SHARED_FOLDER = 0o1777


def locks_folder() -> Path:
    """Where the locks of devices are: the same for every user and every way of logging in, unless $LAB_LOCKS says."""
    return Path(os.environ.get("LAB_LOCKS") or "/tmp/energy-lab-locks")


def device_names(profile: BenchProfile, finders: Finders) -> list[str]:
    """The devices to be locked, by what is listed: asking a meter itself for its name would be too late."""
    if profile.simulated is not None:
        return []
    meters = [profile.meter.serial] if profile.meter.serial else []
    phones = [profile.phone.serial] if profile.phone.serial else []
    if profile.meter.kind == "lvpm":
        meters = [os.path.realpath(profile.meter.port or "/dev/ttyACM0")]
    elif not meters:
        meters = list(finders.meters())
    return [f"meter-{serial}" for serial in meters] + [f"phone-{serial}" for serial in phones or list(finders.phones())]


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
            raise BenchLocked(
                f"{what} is in use by {file.read().strip() or 'another process'}.",
                "Wait for it to end, or stop it; its lock goes with it.",
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()}, {holder}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)


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
