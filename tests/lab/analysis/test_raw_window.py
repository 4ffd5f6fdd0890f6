"""A raw window comes back as it was kept, and damage is noticed."""

import json

import pytest

from hardware.phone import ClockReading
from lab.analysis.raw_window import NotARawWindow, RawWindow, pack, pack_failed, unpack

WINDOW = RawWindow(
    meter_kind="hvpm",
    sampling_started_s=38.25,
    clock_before=ClockReading(1767225639.27, 37.46, 0.009),
    clock_after=ClockReading(1767225719.27, 117.46, 0.009),
    calibration={"main_fine_scale": 36500.0},
    supply_v=4.2,
    model_sha256=("a" * 64, "b" * 64),
    archive=b"archive",
    packets=bytes(128),
)


def test_what_was_packed_is_unpacked() -> None:
    assert unpack(b"".join(pack(WINDOW))) == WINDOW


@pytest.mark.parametrize("n_bytes", [0, 4, 12, 30, 200])
def test_a_blob_that_is_cut_short_is_refused(n_bytes: int) -> None:
    with pytest.raises(NotARawWindow):
        unpack(b"".join(pack(WINDOW))[:n_bytes])


def test_something_else_is_refused() -> None:
    with pytest.raises(NotARawWindow, match="LABWIN01"):
        unpack(b"SQLite format 3\x00" + bytes(100))


def test_the_packets_of_a_failed_window_say_how_to_decode_them_and_are_no_raw_window() -> None:
    blob = b"".join(pack_failed("hvpm", {"main_fine_scale": 36500.0}, 4.2, b"packets"))
    n_header = int.from_bytes(blob[8:12], "little")
    header = json.loads(blob[12 : 12 + n_header])
    assert header == {"meter_kind": "hvpm", "calibration": {"main_fine_scale": 36500.0}, "supply_v": 4.2}
    assert blob[12 + n_header :] == b"packets"
    with pytest.raises(NotARawWindow, match="failed"):
        unpack(blob)
