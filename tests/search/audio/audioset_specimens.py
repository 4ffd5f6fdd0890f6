"""Small AudioSet folders with all nine classes: real lists, a small ontology, real files of sound."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from search.audio.classes import EVENTS

SPEECH, POLICE, PETS = "/m/speech", "/m/police", "/m/pets"
START_S, END_S = 30, 40

Name = Callable[[str], str]


def label(name: str) -> str:
    return "/m/" + name.lower().replace(" ", "_").replace(",", "").replace("(", "").replace(")", "")


EVENT_LABELS = tuple(label(event.labels[0]) for event in EVENTS)


def write_ontology(folder: Path) -> None:
    nodes = [{"id": label(name), "name": name, "child_ids": []} for event in EVENTS for name in event.labels]
    nodes += [{"id": SPEECH, "name": "Speech", "child_ids": []}]
    nodes += [{"id": POLICE, "name": "Police car (siren)", "child_ids": []}]
    nodes += [{"id": PETS, "name": "Domestic animals, pets", "child_ids": []}]
    by_name = {str(node["name"]): node for node in nodes}
    by_name["Siren"]["child_ids"] = [POLICE]
    by_name["Alarm"]["child_ids"] = [label("Siren"), label("Telephone")]
    (folder / "ontology.json").write_text(json.dumps(nodes))


def video(prefix: str, number: int) -> str:
    """Eleven characters, as YouTube's; every third begins with -."""
    return f"{'-' if number % 3 == 0 else 'x'}{prefix}{number:04d}_a-bc"[:11]


def rows_of(prefix: str, n: int) -> list[tuple[str, str]]:
    """Videos and labels: every second is no event, the events take turns."""
    labels = [SPEECH if i % 2 else f"{EVENT_LABELS[i // 2 % len(EVENT_LABELS)]},{SPEECH}" for i in range(n)]
    return [(video(prefix, i), labels[i]) for i in range(n)]


def list_text(rows: list[tuple[str, str]]) -> str:
    lines = [
        "# Segments csv created Sun Mar  5 10:54:31 2017",
        f"# num_ytids={len(rows)}, num_segs={len(rows)}, num_unique_labels=4, num_positive_labels=9",
        "# YTID, start_seconds, end_seconds, positive_labels",
    ]
    return "\n".join([*lines, *(f'{name}, {START_S}.000, {END_S}.000, "{labels}"' for name, labels in rows)]) + "\n"


def tone(freq_hz: float, length_s: float, rate_hz: int = 16_000) -> NDArray[np.float64]:
    return 0.5 * np.sin(2 * np.pi * freq_hz * np.arange(round(length_s * rate_hz)) / rate_hz)


def write_lists(folder: Path, n_train: int = 320, n_test: int = 16) -> list[str]:
    """Both lists and the ontology; gives the videos."""
    folder.mkdir(parents=True, exist_ok=True)
    write_ontology(folder)
    train, test = rows_of("tr", n_train), rows_of("ev", n_test)
    (folder / "balanced_train_segments.csv").write_text(list_text(train))
    (folder / "eval_segments.csv").write_text(list_text(test))
    return [name for name, _ in (*train, *test)]


def write_sounds(folder: Path, videos: list[str], name: Name, length_s: float = 0.6) -> None:
    """A short sound of its own for each video."""
    import soundfile

    for number, each in enumerate(videos):
        path = folder / name(each)
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(300 + 5 * number, length_s), 16_000)


def write_spectrograms(folder: Path, videos: list[str]) -> None:
    (folder / "log_mel").mkdir()
    rng = np.random.default_rng(0)
    for each in videos:
        np.save(folder / "log_mel" / f"{each}_{START_S}.npy", rng.normal(-5, 2, (196, 40)).astype(np.float32))
