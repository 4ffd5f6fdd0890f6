"""The file of a recording: whole or refused, and never more than bytes and JSON."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from hardware.tape.container import VERSION, TapeWriter, parse_records, read_records
from hardware.tape.errors import (
    NewerRecording,
    NoRecording,
    NotARecording,
    RecordingCutShort,
    RecordingDamaged,
    RecordingInTheWay,
    TapeError,
)


def written(folder: Path, *records: tuple[dict[str, object], bytes]) -> Path:
    path = folder / "a.labrec"
    writer = TapeWriter(path, {"simulated": True})
    for head, payload in records:
        writer.write(head, payload)
    writer.close()
    return path


def packed(*records: tuple[object, bytes], magic: str = "energy-lab", version: object = VERSION) -> bytes:
    """A file by hand."""
    heads = [({"recording": magic, "version": version}, b""), *records]
    raw = b""
    for head, payload in heads:
        text = json.dumps(head).encode()
        raw += struct.pack("<II", len(text), len(payload)) + text + payload
    return zstandard.compress(raw)


@given(st.lists(st.tuples(st.dictionaries(st.text(), st.integers() | st.text() | st.none()), st.binary()), max_size=5))
def test_what_was_written_is_read(records: list[tuple[dict[str, object], bytes]]) -> None:
    blob = packed(*records, ({"kind": "end", "n_records": len(records) + 1}, b""))
    read = parse_records(blob, "f")
    assert [(dict(r.head), r.payload) for r in read[1:]] == records


def test_a_file_is_there_only_when_it_is_whole(tmp_path: Path) -> None:
    writer = TapeWriter(tmp_path / "a.labrec", {})
    writer.write({"kind": "note"}, b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["a.labrec.part"]
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.labrec"]


def test_a_recording_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    TapeWriter(tmp_path / "a.labrec", {}).abandon()
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    with pytest.raises(RecordingInTheWay, match="already") as raised:
        TapeWriter(path, {})
    assert raised.value.hint
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecordingInTheWay, match="not there"):
        TapeWriter(tmp_path / "no" / "a.labrec", {})


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoRecording, match=r"b\.labrec"):
        read_records(tmp_path / "b.labrec")


@pytest.mark.parametrize("content", [b"GIF89a", b"\0" * 100, zstandard.compress(b"a text"), packed(magic="other")])
def test_other_files_are_no_recordings(content: bytes) -> None:
    with pytest.raises(NotARecording) as raised:
        parse_records(content, "f")
    assert raised.value.hint


def test_a_newer_version_says_so() -> None:
    with pytest.raises(NewerRecording, match=f"version {VERSION + 1}") as raised:
        parse_records(packed(({"kind": "end", "n_records": 1}, b""), version=VERSION + 1), "f")
    assert "Update" in raised.value.hint


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_is_cut_short_says_so(tmp_path: Path, share: float) -> None:
    noise = bytes(range(256)) * 40
    whole = written(tmp_path, *(({"kind": "note", "name": str(n)}, noise[n:]) for n in range(50))).read_bytes()
    with pytest.raises(RecordingCutShort) as raised:
        parse_records(whole[: int(len(whole) * share)], "f")
    assert ".part" in raised.value.hint


def test_the_last_bytes_of_the_checksum_count_too(tmp_path: Path) -> None:
    whole = written(tmp_path, ({"kind": "note"}, b"x" * 100)).read_bytes()
    for n in range(1, 5):
        with pytest.raises(RecordingCutShort):
            parse_records(whole[:-n], "f")


def test_no_changed_byte_goes_unseen(tmp_path: Path) -> None:
    whole = written(tmp_path, ({"kind": "note", "name": "a"}, b"what was measured")).read_bytes()
    for at in range(len(whole)):
        changed = bytearray(whole)
        changed[at] ^= 0x10
        try:
            records = parse_records(bytes(changed), "f")
        except TapeError:
            continue
        # A flag of the frame that says nothing of the content.
        assert records == parse_records(whole, "f")


def test_what_follows_the_end_is_refused(tmp_path: Path) -> None:
    whole = written(tmp_path).read_bytes()
    with pytest.raises(RecordingDamaged, match="goes on"):
        parse_records(whole + whole, "f")


def test_a_count_that_is_wrong_is_refused() -> None:
    with pytest.raises(RecordingDamaged, match="its end says otherwise"):
        parse_records(packed(({"kind": "end", "n_records": 7}, b"")), "f")


@pytest.mark.parametrize("head", [[1], "text", 3, None])
def test_a_head_that_is_no_object_is_refused(head: object) -> None:
    with pytest.raises(RecordingDamaged, match="object"):
        parse_records(packed((head, b"")), "f")


def test_lengths_beyond_all_measure_are_refused_before_memory_is_taken() -> None:
    first = json.dumps({"recording": "energy-lab", "version": 1}).encode()
    raw = struct.pack("<II", len(first), 0) + first + struct.pack("<II", 0xFFFFFFFF, 0xFFFFFFFF)
    with pytest.raises(RecordingDamaged, match="4294967295"):
        parse_records(zstandard.compress(raw), "f")
