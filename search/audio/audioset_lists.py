"""AudioSet's lists of segments, line by line; what a spreadsheet or a script made of a line is told, never guessed.

A line is `YTID, start_seconds, end_seconds, "label,label"`. Comments are lines that start with # and are no segment: a
spreadsheet takes an id that starts with - for a formula, and writes #NAME? in its place.
"""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from search.audio.audioset_ontology import SOURCE_HINT, Ontology
from search.audio.clip_files import Segment
from search.errors import DataBroken, DataMissing

_LONGEST_S = 1e6
_SHOWN = 5
_VIDEO = re.compile(r"[A-Za-z0-9_-]{11}")
_SPREADSHEET_ERROR = re.compile(r"#(\S*[?!]|N/A)")
_COLUMNS = 4
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Clip:
    """A segment of a list.

    Attributes:
        video: YouTube's id of the video.
    """

    video: str
    start_s: float
    end_s: float
    class_index: int

    @property
    def segment(self) -> Segment:
        """Where in the video it lies."""
        return Segment(self.start_s, self.end_s)

    @property
    def place(self) -> float:
        """Of its video in 0..1, the same everywhere."""
        digest = hashlib.sha256(self.video.encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64


@dataclass
class ListRemarks:
    """What was seen in lists and hinders nothing.

    Attributes:
        n_ambiguous: clips of two classes, left out.
        n_by_name: lines that give a label by its display name.
    """

    n_ambiguous: int = 0
    n_by_name: int = 0


@dataclass
class _BadLines:
    n: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        self.n += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"\n  line {line}: {what}")


def read_segments(path: Path, ontology: Ontology, remarks: ListRemarks) -> Iterator[Clip]:
    """The clips of one class, or of none, in a list; those of two classes are counted.

    Raises:
        DataMissing, DataBroken: not there, or lines are not of the published form, or name unknown labels.
    """
    lines, labels = _BadLines(), _BadLines()
    for line, row in _rows(path):
        try:
            video, start_s, end_s, written = _fields(row)
        except ValueError as error:
            lines.add(line, str(error))
            continue
        known, unknown, by_name = ontology.label_ids(written)
        for label in unknown:
            labels.add(line, repr(label)[:60])
        if unknown or lines.n:
            continue
        remarks.n_by_name += by_name
        classes = ontology.classes(known)
        if len(classes) > 1:
            remarks.n_ambiguous += 1
        else:
            yield Clip(video, start_s, end_s, classes.pop())
    if lines.n:
        raise DataBroken(
            f"{path}:\n{_count(lines.n, 'line')} not as published (YTID, start, end, labels):{_first(lines)}",
            f"take the published file, unopened by a spreadsheet: {SOURCE_HINT}",
        )
    if labels.n:
        raise DataBroken(
            f"{path}:\n{_count(labels.n, 'label')} not in ontology.json, neither as id nor as name:{_first(labels)}",
            f"write labels as ids (/m/05tny_) or display names (Bark) of the ontology; {SOURCE_HINT}",
        )


def _count(n: int, what: str) -> str:
    return f"1 {what} is" if n == 1 else f"{n:,} {what}s are"


def _first(bad: _BadLines) -> str:
    rest = bad.n - len(bad.first)
    return "".join(bad.first) + (f"\n  and {rest:,} more" if rest else "")


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Rows that should be segments, with the number of their line."""
    try:
        with path.open("rb") as head:
            if head.read(2) in _UTF_16:
                raise DataBroken(f"{path} is a spreadsheet's Unicode text (UTF-16)", f"save it as UTF-8; {SOURCE_HINT}")
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, skipinitialspace=True, strict=True)
            for row in reader:
                while row and not row[-1].strip():
                    row.pop()
                if row and not _is_comment(row):
                    yield reader.line_num, row
    except FileNotFoundError as error:
        raise DataMissing(f"{path} is not there", SOURCE_HINT) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        where = f", line {reader.line_num}" if isinstance(error, csv.Error) else ""
        raise DataBroken(f"{path}{where} cannot be read: {error}", SOURCE_HINT) from error


def _is_comment(row: list[str]) -> bool:
    first = row[0].strip()
    if first.startswith("#"):
        return not (_SPREADSHEET_ERROR.match(first) or (len(row) > 1 and _is_number(row[1])))
    return first.lower() == "ytid"


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", "."))
    except ValueError:
        return False
    return True


def _fields(row: list[str]) -> tuple[str, float, float, str]:
    """Video, start, end and labels; ValueError says what is wrong with the line."""
    if len(row) != _COLUMNS:
        raise ValueError(_wrong_columns(row))
    video, start, end, labels = (value.strip() for value in row)
    if not _VIDEO.fullmatch(video):
        why = ": a spreadsheet took it for a formula" if video.startswith("#") else " (11 letters, digits, - or _)"
        raise ValueError(f"{video[:20]!r} is no YouTube id{why}")
    try:
        start_s, end_s = float(start), float(end)
    except ValueError:
        raise ValueError(f"{start[:20]!r} to {end[:20]!r} are no seconds") from None
    if not (0 <= start_s < end_s < _LONGEST_S and math.isfinite(end_s)):
        raise ValueError(f"{start[:20]} to {end[:20]} s is no segment of a video")
    return video, start_s, end_s, labels


def _wrong_columns(row: list[str]) -> str:
    whole = ",".join(row)
    if len(row) == 1 and whole.count(",") >= _COLUMNS - 1:
        return "the whole line stands in quotes, as some spreadsheets save it"
    for separator, name in ((";", "semicolons"), ("\t", "tabs")):
        if whole.count(separator) >= _COLUMNS - 1:
            return f"fields are separated by {name}, not by commas"
    if len(row) > _COLUMNS:
        return f"{len(row)} fields, not {_COLUMNS}: quotes are needed around all labels"
    return f"{len(row)} of {_COLUMNS} fields"
