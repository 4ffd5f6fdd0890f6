"""What a user is told while AudioSet is read, and about what was left out."""

from __future__ import annotations

from pathlib import Path

from search.audio.audioset import Inventory
from search.audio.clip_files import Unusable, UnusableFile
from search.studies.audioset_source import ReadingProgress, remarks


class Stopwatch:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def told(ticks: list[tuple[float, int]], n: int, known: int = 0) -> list[str]:
    lines, watch = list[str](), Stopwatch()
    progress = ReadingProgress(lines.append, watch)
    progress(known, n)
    for seconds, done in ticks:
        watch.now_s = 100.0 + seconds
        progress(done, n)
    return lines


def test_the_first_line_comes_at_once_and_the_next_within_two_seconds() -> None:
    lines = told([(0.5, 50), (1.1, 110), (1.5, 150), (2.0, 200)], 100_000)
    assert lines == [
        "reading 100,000 clips; Ctrl-C keeps what is done",
        "  110 of 100,000 clips, 100 a second, 17 min left",
    ]


def test_then_a_line_comes_every_ten_seconds_until_the_end() -> None:
    lines = told([(float(s), 100 * s) for s in range(1, 41)], 4_000)
    assert [line.split()[0] for line in lines[1:]] == ["100", "1,100", "2,100", "3,100"]
    assert lines[-1].endswith("9 s left")


def test_what_is_known_counts_neither_into_the_rate_nor_into_the_time_left() -> None:
    lines = told([(10.0, 50_100)], 60_000, known=50_000)
    assert lines[0].startswith("reading 10,000 clips; 50,000 are known")
    assert lines[1] == "  50,100 of 60,000 clips, 10 a second, 16 min left"
    assert told([], 60_000, known=60_000) == []


def test_remarks_name_what_was_left_out_in_80_columns(tmp_path: Path) -> None:
    bad = (tmp_path / "-T001xAbCdE_30.wav", UnusableFile(Unusable.WRONG_LENGTH, "20.00 s: " + "x" * 100))
    inventory = Inventory(
        {"train": 1_000, "validation": 100, "test": 10},
        7,
        3,
        ("a.wav", "b.wav"),
        (bad, bad),
        Path("/c/unusable.tsv"),
        5,
    )
    lines = "\n".join(remarks(inventory)).splitlines()
    assert lines[0].startswith("1,110 clips of the lists have no file, 7 are of two classes")
    assert "a.wav, b.wav" in lines[1]
    assert "3 lines" in lines[2]
    assert "2 files" in lines[3]
    assert "up to 10%" in lines[3]
    assert "2 wrong length: -T001xAbCdE_30.wav" in lines[4]
    assert lines[5] == "all of them: /c/unusable.tsv"
    assert max(map(len, lines)) <= 80
