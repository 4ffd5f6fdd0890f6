"""A raw window becomes visits: energies that are known, in windows drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_window import (
    CHIP_S,
    CODE_W,
    EPOCH_S,
    FIRST_CODE_S,
    IDLE_W,
    OFFSET_S,
    RATE_HZ,
    SUPPLY_V,
    MadeRun,
    MadeWindow,
    packed,
    profile,
)

from db.kinds import FailureKind
from lab.analysis.window import AnalysedWindow, WindowUnusable, analyse

PROFILE = profile()
# Of the trace that the alignment finds: a sample.
ONE_SAMPLE_S = 1 / RATE_HZ


def analysed(window: MadeWindow) -> AnalysedWindow:
    return analyse(window.raw(), PROFILE, window.trace())


def gate(window: AnalysedWindow, order: int, name: str) -> float | None:
    return next(gate.value for gate in window.visits[order].gates if gate.gate == name)


def test_energies_are_power_times_latency_and_the_idle_power_is_taken_off_for_the_dynamic_ones() -> None:
    found = analysed(MadeWindow())
    assert [(v.order_in_window, v.model_sha256, v.outcome, v.reason) for v in found.visits] == [
        (0, f"{0:064x}", "accepted", None),
        (1, f"{1:064x}", "accepted", None),
    ]
    energies = [v.energy for v in found.visits if v.energy is not None]
    assert [e.energy_mj for e in energies] == pytest.approx([1.4 * 2.0, 2.0 * 4.0], rel=1e-6)
    assert [e.dynamic_energy_mj for e in energies] == pytest.approx(
        [(1.4 - IDLE_W) * 2.0, (2.0 - IDLE_W) * 4.0], rel=1e-6
    )


def test_what_is_known_of_the_window_itself() -> None:
    window = MadeWindow()
    found = analysed(window)
    assert found.clock.to_meter(EPOCH_S + 3.0) == pytest.approx(OFFSET_S + 3.0, abs=ONE_SAMPLE_S)
    assert found.useful_s == pytest.approx(1.6 + 1.6, abs=1e-4)
    assert (found.n_samples, found.n_dropped) == (len(window.power_w), 0)
    dropping = replace(window.trace(), n_dropped=7)
    assert analyse(window.raw(), PROFILE, dropping).n_dropped == 7


def test_the_first_tenth_and_the_last_twentieth_of_a_second_of_a_run_do_not_count() -> None:
    """Below the rest, so that no segment is trimmed: a wake-up only ever adds power."""
    window = MadeWindow()
    start_s, end_s = window.measured_s[0]
    window.draw(start_s, start_s + 0.0995, 1.1)
    window.draw(end_s - 0.0495, end_s, 1.1)
    plain, disturbed = (analysed(w).visits[0].energy for w in (MadeWindow(), window))
    assert disturbed == plain
    assert disturbed is not None
    assert disturbed.power_w == pytest.approx(1.4, rel=1e-6)


def test_all_between_the_first_tenth_and_the_last_twentieth_of_a_second_counts() -> None:
    plain = analysed(MadeWindow()).visits[0].energy
    assert plain is not None
    assert plain.n_samples == pytest.approx((1.6 - 0.100 - 0.050) * RATE_HZ, abs=2)
    for begin_s, length_s in ((0.101, 0.070), (1.6 - 0.051 - 0.070, 0.070)):
        window = MadeWindow()
        window.draw(window.measured_s[0][0] + begin_s, window.measured_s[0][0] + begin_s + length_s, 1.3)
        energy = analysed(window).visits[0].energy
        assert energy is not None
        assert energy.power_w == pytest.approx(1.4 - 0.1 * length_s / 1.45, abs=1e-4)


def test_the_idle_power_is_the_mean_of_the_gaps_before_a_run_and_after_it() -> None:
    window = MadeWindow()
    window.draw(window.began_s[0] - 0.35, window.began_s[0], 0.50)
    window.draw(window.began_s[1] - 0.35, window.began_s[1], 0.60)
    window.draw(window.last_code_s - 0.35, window.last_code_s, 0.66)
    visits = analysed(window).visits
    assert [v.energy.idle_power_w for v in visits if v.energy] == pytest.approx([0.55, 0.63], rel=1e-6)


@pytest.mark.parametrize(("before_s", "after_s"), [(0.35, 0.0), (0.0, 0.0)], ids=["first", "last"])
def test_the_borders_of_a_gap_do_not_count(before_s: float, after_s: float) -> None:
    """There processes begin and end: 29 ms at either border, in every gap of the window."""
    window = MadeWindow()
    for end_s in (*window.began_s, window.last_code_s):
        if before_s:
            window.draw(end_s - before_s, end_s - before_s + 0.029, 1.0)
        else:
            window.draw(end_s - 0.029, end_s, 1.0)
    for disturbed, plain in zip(analysed(window).visits, analysed(MadeWindow()).visits, strict=True):
        assert disturbed.energy == plain.energy


def test_within_the_borders_all_of_a_gap_counts() -> None:
    """Each part of a gap that is disturbed widens the error, the first and the last one too."""
    for begin_s in (-0.35 + 0.031, -0.055):
        window = MadeWindow()
        window.draw(window.began_s[0] + begin_s, window.began_s[0] + begin_s + 0.024, 1.0)
        disturbed, plain = (analysed(w).visits[0].energy for w in (window, MadeWindow()))
        assert disturbed is not None
        assert plain is not None
        assert disturbed.idle_power_w == pytest.approx(IDLE_W, rel=1e-6)
        assert disturbed.dynamic_energy_se_mj > 10 * plain.dynamic_energy_se_mj


def test_an_adb_reading_that_is_off_shows_beyond_half_its_round_trip() -> None:
    window = MadeWindow()
    for off_s, seen_ms in (((0.025, 0.025), 20.0), ((0.004, 0.004), 0.0), ((0.02, -0.02), 0.0), ((0.04, 0.0), 15.0)):
        found = analyse(window.raw(adb_off_s=off_s), PROFILE, window.trace())
        assert found.align_difference_ms == pytest.approx(seen_ms, abs=0.3)
        assert gate(found, 0, "alignment") == found.align_difference_ms


def test_the_worse_of_the_two_readings_is_what_a_round_trip_hides() -> None:
    window = MadeWindow()
    raw = window.raw(adb_off_s=(0.025, 0.025))
    for name in ("clock_before", "clock_after"):
        slow = replace(raw, **{name: replace(getattr(raw, name), half_round_trip_s=0.012)})
        assert analyse(slow, PROFILE, window.trace()).align_difference_ms == pytest.approx(13.0, abs=0.3)


def test_a_trace_with_the_protection_flag_is_of_no_use() -> None:
    window = MadeWindow()
    with pytest.raises(WindowUnusable, match="over-current"):
        analyse(window.raw(), PROFILE, replace(window.trace(), over_current=True))


def test_an_archive_that_cannot_be_read_is_of_no_use() -> None:
    window = MadeWindow()
    for archive, said in ((b"not a tar", "damaged"), (packed({"out/0.txt": ""}), "there is none")):
        with pytest.raises(WindowUnusable, match=said) as raised:
            analyse(window.raw(archive=archive), PROFILE, window.trace())
        assert raised.value.unfinished is None


@pytest.mark.parametrize("missing", ["first", "last"])
def test_without_both_sync_codes_a_window_is_of_no_use_and_names_the_run_in_which_the_journal_ends(
    missing: str,
) -> None:
    window = MadeWindow(MadeRun(), MadeRun(ended=False))
    window.codes.remove(missing)
    with pytest.raises(WindowUnusable, match="last sync code") as raised:
        analysed(window)
    assert raised.value.unfinished == 1


def test_codes_that_are_not_in_the_trace_make_it_of_no_use() -> None:
    window = MadeWindow()
    window.power_w[:] = IDLE_W
    with pytest.raises(WindowUnusable, match="not in the power trace"):
        analysed(window)


def test_usb_shows_by_its_highest_tenth_of_a_second_between_the_codes() -> None:
    window = MadeWindow()
    start_s = window.measured_s[0][0] + 0.5
    window.draw(start_s, start_s + 0.5, 5.0, window.usb_v)
    assert analysed(window).usb_max_v == pytest.approx(5.0, rel=1e-6)
    short = MadeWindow()
    short.draw(FIRST_CODE_S + 0.3, FIRST_CODE_S + 0.32, 5.02, short.usb_v)
    assert analysed(short).usb_max_v == pytest.approx(0.02 + 5.0 * 0.2, rel=1e-3)


def test_usb_before_the_first_and_after_the_last_code_is_no_flaw() -> None:
    window = MadeWindow()
    window.usb_v[: round((OFFSET_S + FIRST_CODE_S) * RATE_HZ) - 1] = 5.0
    window.usb_v[round((OFFSET_S + window.ended_s) * RATE_HZ) + 1 :] = 5.0
    assert analysed(window).usb_max_v == pytest.approx(0.02, rel=1e-6)


def test_usb_in_a_quarter_of_a_run_is_a_quarter_of_its_samples() -> None:
    window = MadeWindow()
    start_s, _ = window.measured_s[1]
    window.draw(start_s, start_s + 0.4, 5.0, window.usb_v)
    found = analysed(window)
    assert gate(found, 1, "usb_on") == pytest.approx(0.25, abs=1e-3)
    assert (found.visits[1].outcome, found.visits[1].failure_kind) == ("rejected", FailureKind.GATE)
    assert found.visits[1].energy is not None
    assert gate(found, 0, "usb_on") == 0.0


@pytest.mark.parametrize("off_v", [-0.1, 0.1])
def test_a_supply_that_is_off_its_setting_shows_by_how_much(off_v: float) -> None:
    window = MadeWindow()
    start_s, end_s = window.measured_s[0]
    window.draw(start_s, end_s, SUPPLY_V + off_v, window.supply_v)
    found = analysed(window)
    assert gate(found, 0, "sag") == pytest.approx(0.1, abs=1e-4)
    assert gate(found, 1, "sag") == pytest.approx(0.0, abs=1e-4)


def test_a_power_that_falls_late_shows_in_the_edge_gate() -> None:
    window = MadeWindow()
    _, end_s = window.measured_s[0]
    window.draw(end_s, end_s + 0.016, 1.4)
    assert gate(analysed(window), 0, "edge") == pytest.approx(16.0, abs=0.5)


def test_the_fall_is_looked_for_half_way_between_running_and_idle() -> None:
    for above_idle_w, expected_ms in ((0.35, 0.0), (0.45, 30.0)):
        window = MadeWindow()
        _, end_s = window.measured_s[0]
        window.draw(end_s, end_s + 0.03, IDLE_W + above_idle_w)
        assert gate(analysed(window), 0, "edge") == pytest.approx(expected_ms, abs=0.5)


def test_the_made_codes_are_found_as_the_phone_ran_them() -> None:
    """So that the other tests stand on a good alignment."""
    assert CODE_W > IDLE_W
    assert CHIP_S > 0
    assert analysed(MadeWindow()).clock.correlation > 0.98
