"""One campaign a meter and a phone: a lock file each, which the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from lab.errors import BenchLocked
from lab.finders import Finders
from lab.profile import BenchProfile


def locks_folder() -> Path:
    """Where lock files are: the user's runtime folder, else the folder for temporary files."""
    base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / "energy-lab-locks"


def device_names(profile: BenchProfile, finders: Finders) -> list[str]:
    """The devices to be locked, by what is listed: asking a meter itself for its name would be too late."""
    if profile.simulated is not None:
        return []
    meters = [profile.meter.serial] if profile.meter.serial else []
    phones = [profile.phone.serial] if profile.phone.serial else []
    if not meters and profile.meter.kind == "hvpm":
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
            stack.enter_context(_one(device, holder))
        yield


@contextmanager
def _one(device: str, holder: str) -> Iterator[None]:
    folder = locks_folder()
    folder.mkdir(parents=True, exist_ok=True)
    # A path in the name would be too long for a file's name, and two names could become the same: hence the hash.
    path = (
        folder
        / f"{re.sub(r'[^a-zA-Z0-9.-]', '_', device)[:40]}-{hashlib.sha256(device.encode()).hexdigest()[:12]}.lock"
    )
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise BenchLocked(
                f"{device} is in use by {file.read().strip() or 'another process'}.",
                "Wait for it to end, or stop it; its lock goes with it.",
            ) from error
        file.truncate(0)
        file.write(f"process {os.getpid()}, {holder}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
