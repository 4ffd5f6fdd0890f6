"""AudioSet's published ontology: which of its labels make which of our classes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from search.audio.classes import EVENTS, NEGATIVE_INDEX, SoundClass
from search.errors import DataBroken, DataMissing

SOURCE_HINT = "the lists and the ontology are published at research.google.com/audioset/download.html"


@dataclass(frozen=True)
class Ontology:
    """Labels as lists name them.

    Attributes:
        ids: of labels by display name.
        class_of: class index of every label that makes one, by id.
    """

    ids: Mapping[str, str]
    class_of: Mapping[str, int]
    _known: frozenset[str]
    _longest: int

    def label_ids(self, written: str) -> tuple[list[str], list[str], bool]:
        """The labels of a line: ids that are known, what is unknown, and whether any stood as a display name.

        Args:
            written: ids or display names between commas, of which a display name may have some of its own.
        """
        parts = [part.strip() for part in written.split(",")]
        known, unknown, by_name = list[str](), list[str](), False
        while parts:
            if parts[0] in self._known:
                known.append(parts.pop(0))
                continue
            n, label = self._display_name(parts)
            if label is None:
                unknown.append(parts[0])
            else:
                known.append(label)
                by_name = True
            del parts[:n]
        return known, unknown, by_name

    def _display_name(self, parts: Sequence[str]) -> tuple[int, str | None]:
        for n in range(min(self._longest, len(parts)), 0, -1):
            label = self.ids.get(", ".join(parts[:n]))
            if label is not None:
                return n, label
        return 1, None

    def classes(self, labels: Sequence[str]) -> set[int]:
        """The classes of a clip with these labels; the negative one where none makes a class."""
        return {self.class_of[label] for label in labels if label in self.class_of} or {NEGATIVE_INDEX}


def read_ontology(path: Path) -> Ontology:
    """The ontology of a file.

    Raises:
        DataMissing, DataBroken: not there, or not the published ontology.
    """
    try:
        nodes = {node["id"]: node for node in json.loads(path.read_text(encoding="utf-8-sig"))}
        ids = {node["name"]: node["id"] for node in nodes.values()}
        children = {label: list(node["child_ids"]) for label, node in nodes.items()}
    except FileNotFoundError as error:
        raise DataMissing(f"{path} is not there", SOURCE_HINT) from error
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise DataBroken(f"{path} is not AudioSet's ontology: {error}", SOURCE_HINT) from error
    class_of: dict[str, int] = {}
    for index, event in enumerate(EVENTS):
        for label in _labels_of(event, ids, children, path):
            class_of.setdefault(label, index)
    longest = max(name.count(",") + 1 for name in ids)
    return Ontology(ids, class_of, frozenset(nodes), longest)


def _labels_of(event: SoundClass, ids: dict[str, str], children: dict[str, list[str]], path: Path) -> Iterator[str]:
    unknown = [name for name in event.labels if name not in ids]
    if unknown:
        raise DataBroken(f"{path} has no label {unknown[0]!r}, which makes class {event.name}", SOURCE_HINT)
    waiting, seen = [ids[name] for name in event.labels], set[str]()
    while waiting:
        label = waiting.pop()
        if label in seen:
            continue
        seen.add(label)
        yield label
        if event.with_children:
            waiting.extend(children.get(label, ()))
