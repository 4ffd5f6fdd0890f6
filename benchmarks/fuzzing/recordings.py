"""Fuzzing files: recorded sessions, their replay, and the analysis of stored raw windows."""

from __future__ import annotations

import json
import random
import struct
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import zstandard

from db.database import open_database
from db.errors import DbError
from db.traces import load_trace
from fuzzing import specimens
from fuzzing.meters import check_trace
from fuzzing.mutations import mutated
from fuzzing.wrong import hold
from hardware.errors import HardwareError
from hardware.monsoon.decoding import decode_packets
from hardware.tape.container import Record, parse_records, read_records
from hardware.tape.errors import TapeError
from hardware.tape.player import Player
from lab.analysis.raw_window import NotARawWindow, RawWindow, pack, unpack
from lab.analysis.window import AnalysedWindow, WindowUnusable, analyse
from lab.campaign.recording import read_session
from lab.errors import LabError
from lab.profile.profile import BenchProfile
from lab.review.replay import replay

ERRORS = (TapeError, LabError)
REPLAY_ERRORS = (TapeError, LabError, HardwareError, DbError, KeyboardInterrupt)
WINDOW_ERRORS = (WindowUnusable, NotARawWindow)
_WRONG_FRAC = 0.015


def packed_records(records: list[Record]) -> bytes:
    """The file of some records, whatever they say."""
    raw = b""
    for head, payload in ((record.head, record.payload) for record in records):
        text = json.dumps(head).encode()
        raw += struct.pack("<II", len(text), len(payload)) + text + payload
    return zstandard.ZstdCompressor(level=1, write_checksum=True).compress(raw)


def recording() -> Callable[[random.Random], None]:
    """Files as they lie on a disk, and files that somebody has made on purpose, with every checksum right."""
    whole = (specimens.FOLDER / "lvpm.labrec").read_bytes()
    records = list(read_records(specimens.FOLDER / "lvpm.labrec"))
    told = [record for record in records if record.kind == "note"]
    small = [record for record in records if len(record.payload) < 20_000 and record not in told][:400] + told
    raw = zstandard.ZstdDecompressor().decompress(packed_records([*small, _end(small)]))

    def run(rng: random.Random) -> None:
        kind = rng.random()
        if kind < 0.1:
            found = parse_records(mutated(whole, rng), "f")
            hold(found == records, "a changed file was read, and says something else")
            return
        if kind < 0.4:
            found = parse_records(zstandard.compress(mutated(raw, rng)), "f")
        else:
            changed = [_changed(record, rng) if rng.random() < 0.01 else record for record in small]
            at = rng.randrange(len(changed))
            changed[at] = _changed(changed[at], rng)
            found = parse_records(packed_records([*changed, _end(changed)]), "f")
        player = Player(found)
        read_session(player.session, player.notes)
        player.close()

    return run


def _end(records: list[Record]) -> Record:
    return Record({"kind": "end", "n_records": len(records)}, b"")


def _changed(record: Record, rng: random.Random) -> Record:
    """A record with a value of another kind, or another payload."""
    if record.payload and rng.random() < 0.4:
        return replace(record, payload=mutated(record.payload, rng))
    head = dict(record.head)
    name = rng.choice(list(head))
    strange = [
        None,
        -1,
        0,
        1 << 70,
        1e308,
        "",
        "usb control",
        [],
        {},
        [[]],
        {"a": None},
        True,
        "\ud800",
        ["OSError", 1],
    ]
    if rng.random() < 0.2:
        del head[name]
    else:
        head[name if rng.random() < 0.9 else "error"] = rng.choice(strange)
    return replace(record, head=head)


def replayed() -> Callable[[random.Random], None]:
    """Whole sessions that devices, or a stranger, have changed: they replay, or say where they do not."""
    records = list(read_records(specimens.FOLDER / "lvpm.labrec"))
    kinds = ("adb recv", "serial read", "adb send", "usb control", "note", "sleep", "now", "serial waiting")

    def run(rng: random.Random) -> None:
        changed = list(records)
        for _ in range(rng.choice((1, 1, 2, 4))):
            kind = rng.choice(kinds)
            places = [n for n, record in enumerate(changed) if record.kind == kind and n > 0]
            if not places:
                continue
            at = rng.choice(places)
            act = rng.random()
            if act < 0.7:
                changed[at] = _changed(changed[at], rng)
            elif act < 0.85:
                del changed[at]
            else:
                changed.insert(at, changed[at])
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "a.labrec"
            file.write_bytes(packed_records([*changed, _end(changed)]))
            with open_database(Path(folder) / "a.db") as db:
                again = replay(file, db)
        for row in again.rows["energy"]:
            hold(0 < row["energy_mj"] < float("inf"), f"an energy of {row['energy_mj']} mJ")

    return run


def window() -> Callable[[random.Random], None]:
    """Stored windows whose samples or journal are damaged: no accepted energy may be off by more than 1.5 %."""
    blobs, profile = _stored_windows()
    truths = [_accepted(analyse(unpack(blob), profile)) for blob in blobs]

    def run(rng: random.Random) -> None:
        at = rng.randrange(len(blobs))
        raw = unpack(blobs[at])
        kind = rng.random()
        if kind < 0.2:
            raw = unpack(mutated(blobs[at], rng))
        elif kind < 0.6:
            raw = replace(raw, archive=mutated(raw.archive, rng))
        else:
            packets = bytearray(mutated(raw.packets, rng))
            raw = replace(raw, packets=bytes(packets[: len(packets) // 64 * 64]))
        if raw.meter_kind == "hvpm" and len(raw.packets) % 64:
            raw = replace(raw, packets=raw.packets[: len(raw.packets) // 64 * 64])
        check_trace(decode_packets(raw.meter_kind, raw.calibration, raw.packets), 3 * len(raw.packets) // 64)
        if kind < 0.2:
            # The header has no checksum of its own; the record's hash of the whole is what vouches for it.
            analyse(raw, profile)
            return
        for order, (energy_mj, latency_ms) in _accepted(analyse(raw, profile)).items():
            if order not in truths[at]:
                continue
            true_mj, true_ms = truths[at][order]
            # Latency is the phone's word alone; energy per inference is held against the power it was measured with.
            if latency_ms == true_ms:
                hold(abs(energy_mj / true_mj - 1) < _WRONG_FRAC, f"accepted {energy_mj} mJ where {true_mj} is true")

    return run


def _accepted(analysed: AnalysedWindow) -> dict[int, tuple[float, float]]:
    return {
        visit.order_in_window: (visit.energy.energy_mj, visit.energy.latency_ms)
        for visit in analysed.visits
        if visit.energy is not None and visit.outcome in ("accepted", "marginal")
    }


def _stored_windows() -> tuple[list[bytes], BenchProfile]:
    with tempfile.TemporaryDirectory() as folder, open_database(Path(folder) / "a.db") as db:
        again = replay(specimens.FOLDER / "hvpm.labrec", db)
        rows = again.rows["window"]
        raws: list[RawWindow] = [unpack(load_trace(db.files_dir / r["raw_path"], r["raw_sha256"])) for r in rows]
        return [b"".join(pack(raw)) for raw in raws], again.recorded.profile
