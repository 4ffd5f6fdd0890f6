"""A recorded session replays to the same rows, bit for bit, and to nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recorded_sessions import FOLDER, NAMES, profile

from db.database import open_database
from hardware.tape import container
from hardware.tape.container import Record, TapeWriter, read_records
from hardware.tape.errors import RecordingDamaged, ReplayDiverged
from hardware.tape.player import Player
from hardware.tape.pushed import pushed_files, pushed_models
from lab.errors import ProfileError, UsageError
from lab.review.replay import ReplayResult, replay, rows_of
from lab.review.row_comparison import compare, energy_shifts


def replayed(file: Path, folder: Path, **options: Any) -> ReplayResult:
    with open_database(folder / "replay.db") as db:
        return replay(file, db, **options)


def altered(file: Path, change: Callable[[Record], Record]) -> Path:
    """The hvpm recording with some records changed."""
    records = [change(record) for record in read_records(FOLDER / "hvpm.labrec")]
    first = {k: v for k, v in records[0].head.items() if k not in ("recording", "version")}
    writer = TapeWriter(file, first)
    for record in records[1:]:
        writer.write(record.head, record.payload)
    writer.close()
    return file


@pytest.mark.parametrize("name", NAMES)
def test_every_row_of_a_recorded_session_comes_again(name: str, tmp_path: Path) -> None:
    played = replayed(FOLDER / f"{name}.labrec", tmp_path)
    comparison = compare(played.recorded.rows, played.rows)
    assert comparison.differences == ()
    assert comparison.n_equal["energy"] >= 2
    assert comparison.n_equal["window"] == len(played.paces)
    assert played.recorded.campaign.simulated


def test_the_troubled_session_has_its_troubles_again(tmp_path: Path) -> None:
    rows = replayed(FOLDER / "troubled.labrec", tmp_path).rows
    assert [window["state"] for window in rows["window"]][:2] == ["done", "failed"]
    assert "usb_lost" in {incident["kind"] for incident in rows["incident"]}
    assert next(v["reason"] for v in rows["visit"] if v["outcome"] == "rejected").startswith("dropped")
    assert rows["session"][0]["end_reason"] != "done"


def test_the_lvpm_session_has_its_bad_frames_again(tmp_path: Path) -> None:
    assert replayed(FOLDER / "lvpm.labrec", tmp_path).rows["window"][0]["n_dropped"] > 0


def test_the_recordings_are_small_and_say_that_they_are_simulated() -> None:
    sizes = [(FOLDER / f"{name}.labrec").stat().st_size for name in NAMES]
    assert max(sizes) < 1_000_000
    assert all(read_records(FOLDER / f"{name}.labrec")[0].head["simulated"] is True for name in NAMES)


def test_one_sample_that_is_changed_changes_a_row(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        if record.kind != "usb packets" or record.head["n"] < 8000:
            return record
        payload = bytearray(record.payload)
        # Currents of many packets, so that a run is among them.
        start = 5 * record.head["n"] + 5 * record.head["n"]
        payload[start : start + record.head["n"]] = bytes(b ^ 0x01 for b in payload[start : start + record.head["n"]])
        return replace(record, payload=bytes(payload))

    played = replayed(altered(tmp_path / "a.labrec", change), tmp_path)
    comparison = compare(played.recorded.rows, played.rows)
    assert ("window", "raw_sha256") in {(d.table, d.column) for d in comparison.differences}
    assert any(shift.shift_frac for shift in energy_shifts(played.recorded.rows, played.rows))


def test_another_answer_of_the_phone_stops_the_replay_where_the_driver_reacts(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        return replace(record, payload=record.payload.replace(b"2841600", b"1804800"))

    with pytest.raises(ReplayDiverged, match=r"event \d+ of \d+, [\d.]+ s on the bench's clock"):
        replayed(altered(tmp_path / "a.labrec", change), tmp_path)


def test_no_recording_can_raise_the_ceiling(tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        text = str(record.head.get("profile", "")).replace(
            "[tool]", "[supply]\nceiling_v = 9.0\nvoltage_v = 8.0\n[tool]"
        )
        return replace(record, head={**record.head, "profile": text}) if "profile" in record.head else record

    with pytest.raises(ProfileError, match="ceiling_v"):
        replayed(altered(tmp_path / "a.labrec", change), tmp_path)


def test_a_recorded_voltage_above_the_ceiling_is_never_sent(tmp_path: Path) -> None:
    n_changed = []

    def change(record: Record) -> Record:
        # Main voltage, opcode 0x41: 13 V in units of 1/1048576 V.
        if record.kind != "usb control" or record.head["setup"][3] & 0xFF != 0x41 or "sent" not in record.head:
            return record
        n_changed.append(record)
        code = 13 * 1048576
        setup = [0x40, 1, code & 0xFFFF, 0x41 | (code >> 16 & 0xFF) << 8]
        return replace(record, head={**record.head, "setup": setup, "sent": code.to_bytes(4, "little").hex()})

    with pytest.raises(ReplayDiverged, match="the drivers now do `usb control`"):
        replayed(altered(tmp_path / "a.labrec", change), tmp_path)
    assert n_changed


def test_a_recording_of_another_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another profile") as raised:
        replayed(FOLDER / "hvpm.labrec", tmp_path, expected_profile=profile("lvpm"))
    assert "--bench" in raised.value.hint
    assert replayed(FOLDER / "hvpm.labrec", tmp_path, expected_profile=profile("hvpm")).paces


def test_a_database_without_the_session_is_refused(tmp_path: Path) -> None:
    played = replayed(FOLDER / "hvpm.labrec", tmp_path)
    with open_database(tmp_path / "other.db") as db, pytest.raises(UsageError, match="has no session") as raised:
        rows_of(db, played.recorded)
    assert raised.value.hint


@pytest.mark.parametrize("missing", ["profile", "campaign", "provenance", "target_half_width_frac"])
def test_a_recording_that_does_not_say_what_it_is_of_is_refused(missing: str, tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        return replace(record, head={k: v for k, v in record.head.items() if k != missing})

    with pytest.raises(RecordingDamaged, match=missing):
        replayed(altered(tmp_path / "a.labrec", change), tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"tasks": 3}', b"\xff", b"[" * 100_000])
def test_notes_that_make_no_sense_are_refused(content: bytes, tmp_path: Path) -> None:
    def change(record: Record) -> Record:
        return replace(record, payload=content) if record.head.get("name") == "window" else record

    with pytest.raises(RecordingDamaged, match="does not say"):
        replayed(altered(tmp_path / "a.labrec", change), tmp_path)


def test_the_models_come_from_the_recording() -> None:
    played = Player(read_records(FOLDER / "hvpm.labrec"))
    models = pushed_models(played.main)
    queued = {t["model"]["sha256"] for name, c in played.notes if name == "window" for t in json.loads(c)["tasks"]}
    assert set(models) == queued
    assert all(content[4:8] == b"TFL3" for content in models.values())
    assert "/data/local/tmp/lab/settings-before.json" in dict(pushed_files(played.main))


def test_the_example_reader_of_the_reference_page_reads_a_recording() -> None:
    page = (Path(container.__file__).parents[2] / "docs" / "reference" / "recording.md").read_text(encoding="utf-8")
    code = page.split("```python\n")[1].split("```")[0]
    names: dict[str, Any] = {}
    exec(code, names)
    records = list(names["records"](str(FOLDER / "hvpm.labrec")))
    ours = read_records(FOLDER / "hvpm.labrec")
    assert [(dict(r.head), r.payload) for r in ours] == records[:-1]
    assert records[-1][0]["kind"] == "end"
    block = next(r for r in ours if r.kind == "usb packets")
    packets = names["packets"](dict(block.head), block.payload)
    assert len(packets) == block.head["n"]
    assert {len(packet) for packet in packets} <= {22, 40, 58}
