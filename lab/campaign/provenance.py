"""Which process measures, and with which versions: kept with every session."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata

_PACKAGES = ("energy-lab", "Monsoon", "pyusb", "adbutils", "numpy")


@dataclass(frozen=True)
class Provenance:
    """Host and process that measure, and the versions of what they measure with."""

    host: str
    pid: int
    versions: Mapping[str, str]


def this_process() -> Provenance:
    """The provenance of what this process measures."""
    return Provenance(socket.gethostname(), os.getpid(), {name: metadata.version(name) for name in _PACKAGES})
