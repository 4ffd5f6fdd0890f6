"""Which data these are, by what they were made of.

Not by the computed numbers: another processor's matrix products differ in their last bits, and the same clips would be
other data on a second machine.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from search.audio.front_end import FrontEnd


@dataclass(frozen=True)
class ClipSource:
    """What one example was made of.

    Attributes:
        file_sha256: of the file's bytes.
        segment: which part of the file, by the rule that chose it.
    """

    split: str
    class_index: int
    file_sha256: str
    segment: str


def sha256_of_file(path: Path) -> str:
    """Of a file's bytes; OSError when it cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_clips(clips: Iterable[ClipSource]) -> str:
    """Of examples in their order."""
    digest = hashlib.sha256()
    for clip in clips:
        digest.update(f"{clip.split} {clip.class_index} {clip.file_sha256} {clip.segment}\n".encode())
    return digest.hexdigest()


def identity_of(made_from: Mapping[str, Any], class_names: tuple[str, ...], front_end: FrontEnd, limit: float) -> str:
    """The sha256 of everything that the examples follow from.

    Args:
        made_from: what is not front-end or class: plain values.
    """
    everything = {
        "made_from": dict(made_from),
        "class_names": class_names,
        "front_end": dataclasses.asdict(front_end),
        "limit": limit,
    }
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()
