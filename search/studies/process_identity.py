"""Which process one is, and whether another one still lives.

A process number alone tells nothing: it is given again after a restart, every container has a process 1, and two
machines may have one name. A process is known by the boot of its machine, its process namespace, its number and the
moment when it began, all of which /proc tells on Linux; elsewhere by the machine's name and the number.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

_PROC = Path("/proc")
_STATE, _BEGAN = 0, 19
_ZOMBIE = "Z"


class Standing(StrEnum):
    """What can be said of another process from here; NEAR: on this machine, in a place that cannot be looked into."""

    ALIVE = "alive"
    DEAD = "dead"
    NEAR = "near"
    FAR = "far"


@dataclass(frozen=True)
class ProcessIdentity:
    """A process.

    Attributes:
        boot: of its machine; empty where nothing tells.
        namespace: in which its number holds.
        began: in the machine's ticks since its boot.
    """

    host: str
    pid: int
    boot: str = ""
    namespace: str = ""
    began: str = ""

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> ProcessIdentity:
        """What `plain` gave, by this version or an earlier one, which knew host and number alone.

        Raises:
            KeyError, ValueError: it is none.
        """
        texts = {name: str(stored.get(name, "")) for name in ("boot", "namespace", "began")}
        return cls(host=str(stored["host"]), pid=int(stored["pid"]), **texts)

    @property
    def plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    def standing(self) -> Standing:
        """Whether it lives, as far as this process can tell."""
        here = this_process()
        if self.boot and here.boot and self.boot != here.boot:
            # Another machine, or this one before it was started anew.
            return Standing.FAR
        if not self.boot:
            return _by_number(self) if self.host == here.host else Standing.FAR
        if self.namespace != here.namespace:
            return Standing.NEAR
        began = _began(self.pid)
        return Standing.ALIVE if began is not None and began == self.began else Standing.DEAD


def this_process() -> ProcessIdentity:
    """The one that asks."""
    return _identity_of(os.getpid())


@cache
def _identity_of(pid: int) -> ProcessIdentity:
    boot, namespace = _text(_PROC / "sys/kernel/random/boot_id"), ""
    try:
        namespace = os.readlink(_PROC / "self/ns/pid")
    except OSError:
        boot = ""
    return ProcessIdentity(socket.gethostname(), pid, boot, namespace, _began(pid) or "")


def _began(pid: int) -> str | None:
    """When a process of this namespace began; None for one that is not there, or only waits to be buried."""
    # The name of a program may hold blanks and brackets.
    fields = _text(_PROC / str(pid) / "stat").rpartition(")")[2].split()
    if len(fields) <= _BEGAN or fields[_STATE] == _ZOMBIE:
        return None
    return fields[_BEGAN]


def _by_number(process: ProcessIdentity) -> Standing:
    """Of a process of which nothing but host and number is known."""
    try:
        os.kill(process.pid, 0)
    except ProcessLookupError:
        return Standing.DEAD
    except PermissionError:
        return Standing.ALIVE
    if (_PROC / "self/stat").exists() and _began(process.pid) is None:
        return Standing.DEAD
    # Some process has this number: it may be another one by now.
    return Standing.FAR


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return ""
