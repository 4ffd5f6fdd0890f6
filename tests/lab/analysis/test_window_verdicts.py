"""What a window's visits say together, falling edges, and windows as the drivers recorded them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from made_window import MadeRun, MadeWindow, profile
from recorded_sessions import FOLDER

from db.database import open_database
from db.kinds import FailureKind, VisitOutcome
from db.rows import GateSpec, VisitSpec
from db.traces import load_trace
from hardware.meter import Trace
from lab.analysis.raw_window import RawWindow, unpack
from lab.analysis.window import analyse, bench_trouble, distrusted, falling_edge_ms
from lab.profile.profile import BenchProfile
from lab.review.replay import replay

OWN_FAULTS = (FailureKind.MODEL_REJECTED, FailureKind.DIED, FailureKind.TIMED_OUT)


def visit(
    order: int, outcome: VisitOutcome, reason: str | None = None, kind: FailureKind | None = None, gate: str = ""
) -> VisitSpec:
    gates = (
        [GateSpec(analysis_version=1, gate=gate, outcome="reject", value=9.0, limit_value=1.0, unit="")] if gate else []
    )
    return VisitSpec(
        order_in_window=order, model_sha256="", outcome=outcome, reason=reason, failure_kind=kind, gates=gates
    )


def failed(order: int, kind: FailureKind, reason: str = "the tool's words") -> VisitSpec:
    return visit(order, "model_failed", reason, kind)


def rejected(order: int, gate: str, reason: str) -> VisitSpec:
    return visit(order, "rejected", reason, FailureKind.GATE, gate)


GOOD, MARKED = visit(0, "accepted"), visit(1, "marginal", "trend: 0.02")
HOT = rejected(2, "skin", "skin: 45 degC, limit 43 degC")
REFUSED = failed(3, FailureKind.MODEL_REJECTED, "rejected: ERROR: no such op")


@pytest.mark.parametrize("trusted", [GOOD, MARKED])
def test_a_window_with_one_visit_that_can_be_trusted_is_used(trusted: VisitSpec) -> None:
    assert bench_trouble([trusted, HOT, HOT], ()) is None
    assert bench_trouble([HOT, trusted], (2,)) is None


@pytest.mark.parametrize("kind", [FailureKind.MODEL_REJECTED, FailureKind.DIED, FailureKind.TIMED_OUT])
def test_models_that_fail_by_themselves_say_nothing_of_the_bench(kind: FailureKind) -> None:
    assert bench_trouble([failed(0, kind)] * 3, ()) is None


@pytest.mark.parametrize("kind", [FailureKind.TOOL_MISSING, FailureKind.UNREADABLE])
def test_a_tool_that_is_missing_or_cannot_be_read_is_the_benchs(kind: FailureKind) -> None:
    assert "the tool's words" in (bench_trouble([failed(0, kind)], ()) or "")


@pytest.mark.parametrize("kind", [kind for kind in FailureKind if kind not in OWN_FAULTS])
def test_whatever_is_not_the_models_own_fault_is_the_benchs(kind: FailureKind) -> None:
    assert bench_trouble([visit(0, "rejected", "its reason", kind), REFUSED], ()) == (
        "no visit of the window can be trusted; most often because of its reason"
    )


def test_a_canary_that_fails_is_the_benchs_fault_whatever_it_failed_of() -> None:
    canary = failed(5, FailureKind.DIED, "died: exit code 134")
    assert bench_trouble([canary, REFUSED], (5,)) is not None
    assert "exit code 134" in (bench_trouble([canary, HOT, HOT], (5,)) or "")


def test_the_commonest_cause_is_named_by_its_first_example() -> None:
    other = rejected(4, "skin", "skin: 44 degC, limit 43 degC")
    locked = rejected(6, "clock_locked", "clock_locked: 0.2")
    text = bench_trouble([locked, HOT, REFUSED, other], ()) or ""
    assert text.endswith("skin: 45 degC, limit 43 degC")


def test_causes_are_told_apart_by_the_gate_that_rejects_and_by_the_kind_of_failure_not_by_words() -> None:
    """Three gates with the same words, and two runs of different words that were not reached."""
    gates = [rejected(n, name, "the same words") for n, name in enumerate(("skin", "sag", "edge"))]
    lost = [visit(n, "rejected", f"words {n}", FailureKind.NOT_REACHED) for n in (3, 4)]
    assert (bench_trouble([*gates, *lost], ()) or "").endswith("words 3")


def test_the_gate_that_passes_before_the_one_that_rejects_is_not_the_cause() -> None:
    passing = GateSpec(analysis_version=1, gate="edge", outcome="pass", value=0.0, limit_value=1.0, unit="ms")
    skins = [replace(rejected(n, "skin", f"skin {n}"), gates=(passing, *HOT.gates)) for n in (1, 2)]
    sags = [replace(rejected(n, "sag", f"sag {n}"), gates=(passing, *rejected(n, "sag", "").gates)) for n in (3, 4, 5)]
    assert (bench_trouble([*skins, *sags], ()) or "").endswith("sag 3")


def test_a_window_that_is_distrusted_keeps_its_energies_and_rejects_them_with_the_reason() -> None:
    window = MadeWindow(MadeRun(), MadeRun(exit_code=1, output="ERROR: bad\n"), MadeRun(log=""))
    before = analyse(window.raw(), profile(), window.trace())
    after = distrusted(before, "canary 0: drifts")
    assert [v.outcome for v in before.visits] == ["accepted", "model_failed", "rejected"]
    assert [v.outcome for v in after.visits] == ["rejected", "model_failed", "rejected"]
    assert after.visits[0] == replace(
        before.visits[0], outcome="rejected", reason="canary 0: drifts", failure_kind=FailureKind.DISTRUSTED
    )
    assert after.visits[1:] == before.visits[1:]
    assert after.visits[0].energy is not None
    marked = distrusted(replace(before, visits=(MARKED,)), "why")
    assert (marked.visits[0].outcome, marked.visits[0].reason) == ("rejected", "why")


def falling(*levels: tuple[float, float], rate_hz: float = 5000.0) -> Trace:
    """(seconds, watts) in a row, at 4 V."""
    power_w = np.concatenate([np.full(round(seconds * rate_hz), watts) for seconds, watts in levels])
    n = len(power_w)
    ones = np.ones(n, np.float32)
    return Trace(np.arange(n), (power_w / 4).astype(np.float32), 4 * ones, 0 * ones, rate_hz, n, 0, 0, False)


@pytest.mark.parametrize("late_ms", [-40.0, -6.0, 0.0, 6.0, 120.0])
def test_an_edge_is_the_time_from_the_end_to_the_fall_through_the_level(late_ms: float) -> None:
    trace = falling((1.0 + late_ms / 1e3, 2.0), (1.0, 0.5))
    assert falling_edge_ms(trace, 1.0, 1.25) == pytest.approx(late_ms, abs=1e-6)


def test_an_edge_is_looked_for_from_a_tenth_of_a_second_before_to_three_twentieths_after() -> None:
    for at_s, found in ((0.89, False), (0.91, True), (1.14, True), (1.16, False)):
        edge_ms = falling_edge_ms(falling((at_s, 2.0), (1.0, 0.5)), 1.0, 1.25)
        assert (edge_ms is not None) == found, at_s


def test_a_dip_of_two_milliseconds_is_no_edge_and_one_of_four_is() -> None:
    for dip_s, expected in ((0.002, None), (0.004, pytest.approx(-50.0))):
        trace = falling((0.95, 2.0), (dip_s, 0.5), (1.0, 2.0))
        assert falling_edge_ms(trace, 1.0, 1.25) == expected


def test_of_two_edges_the_nearer_one_counts() -> None:
    for first_s, second_s, expected_ms in ((0.95, 1.02, 20.0), (0.99, 1.04, -10.0)):
        trace = falling((first_s, 2.0), (0.01, 0.5), (second_s - first_s - 0.01, 2.0), (1.0, 0.5))
        assert falling_edge_ms(trace, 1.0, 1.25) == pytest.approx(expected_ms)


def test_the_bins_of_an_edge_are_two_milliseconds_at_any_rate() -> None:
    trace = falling((1.01, 2.0), (1.0, 0.5), rate_hz=1000.0)
    assert falling_edge_ms(trace, 1.0, 1.25) == pytest.approx(10.0)


def test_where_the_trace_ends_too_early_there_is_no_edge() -> None:
    """Three bins of ten samples at least: before it, in it, after it."""
    assert falling_edge_ms(falling((0.9, 2.0), (0.0058, 0.5)), 1.0, 1.25) is None
    assert falling_edge_ms(falling((0.902, 2.0), (0.004, 0.5)), 1.0, 1.25) == pytest.approx(-98.0)
    assert falling_edge_ms(falling((0.5, 2.0)), 1.0, 1.25) is None


def test_lost_samples_before_an_edge_do_not_move_it() -> None:
    whole = falling((1.01, 2.0), (1.0, 0.5))
    kept = np.delete(np.arange(len(whole.index)), slice(1000, 1100))
    holed = Trace(
        whole.index[kept], whole.current_a[kept], whole.supply_v[kept], whole.usb_v[kept], 5000.0,
        whole.n_total, 100, 0, False,
    )  # fmt: skip
    assert falling_edge_ms(holed, 1.0, 1.25) == pytest.approx(10.0)


@dataclass(frozen=True)
class Recorded:
    """Windows of a recorded session: as they were kept, and the rows that measuring made of them then."""

    profile: BenchProfile
    windows: list[RawWindow]
    rows: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module", params=["hvpm", "lvpm"])
def recorded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    folder = tmp_path_factory.mktemp(request.param)
    with open_database(folder / "lab.db") as db:
        played = replay(FOLDER / f"{request.param}.labrec", db)
        rows = {name: [dict(row) for row in rows] for name, rows in played.recorded.rows.items()}
        windows = [unpack(load_trace(db.files_dir / w["raw_path"], w["raw_sha256"])) for w in played.rows["window"]]
        yield Recorded(played.recorded.profile, windows, rows)


def test_recorded_windows_give_the_energies_that_they_gave_when_they_were_measured(recorded: Recorded) -> None:
    for number, raw in enumerate(recorded.windows):
        known = {row["order_in_window"]: row for row in recorded.rows["energy"] if row["window"] == number}
        found = analyse(raw, recorded.profile)
        assert len(known) == len([v for v in found.visits if v.energy is not None]) >= 2
        for visit in found.visits:
            row = known[visit.order_in_window]
            assert visit.energy is not None
            for name in ("power_w", "idle_power_w", "latency_ms", "energy_mj", "energy_se_mj", "dynamic_energy_mj"):
                assert getattr(visit.energy, name) == pytest.approx(row[name], rel=1e-9), name
            for name in ("n_samples", "n_segments", "n_segments_trimmed"):
                assert getattr(visit.energy, name) == row[name], name
