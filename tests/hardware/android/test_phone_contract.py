"""What every phone must do on its bench. Unchanged on real hardware: pytest tests/hardware --bench PROFILE."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hardware.android.runner_journal import read_report
from hardware.bench import Bench, open_bench
from hardware.errors import PhoneFault, SettingRefused, ToolMissing
from hardware.phone import ClockLock, QueuedModel
from lab.analysis.window import analyse
from lab.bench.procedure import run_window
from lab.profile.profile import BenchProfile, load_profile, parse_profile
from search.networks.spaces import TABLE_2
from search.tflite.writer import write_tflite

_SIMULATED = """
name = "contract"
[phone]
lock = "paper"
[window]
settle_s = 7
[tool]
min_secs = 1.2
warmup_secs = 0.2
[simulated]
seed = 1
"""


@dataclass(frozen=True)
class Contract:
    bench: Bench
    profile: BenchProfile


@pytest.fixture(scope="module", params=["simulated", pytest.param("real", marks=pytest.mark.bench)])
def contract(request: pytest.FixtureRequest) -> Iterator[Contract]:
    simulated = request.param == "simulated"
    profile = parse_profile(_SIMULATED, "contract") if simulated else load_profile(request.config.getoption("--bench"))
    with open_bench(profile.bench_settings(0)) as bench:
        yield Contract(bench, profile)


@pytest.fixture
def model(tmp_path: Path) -> QueuedModel:
    content = write_tflite(TABLE_2, 0)
    path = tmp_path / "table2.tflite"
    path.write_bytes(content)
    return QueuedModel(hashlib.sha256(content).hexdigest(), path)


def test_it_says_who_it_is(contract: Contract) -> None:
    info = contract.bench.phone.info
    assert info.serial
    assert info.model
    assert info.build_fingerprint
    assert info.simulated == contract.bench.simulated


def test_it_has_a_tool_that_can_be_told_by_its_hash(contract: Contract) -> None:
    found = contract.bench.phone.tool_sha256(contract.profile.tool.path)
    assert len(found) == 64
    assert contract.bench.phone.tool_sha256(contract.profile.tool.path) == found
    with pytest.raises(ToolMissing):
        contract.bench.phone.tool_sha256("/data/local/tmp/lab/no-such-tool")


def test_its_clock_goes_on_and_is_known_to_a_fraction_of_a_second(contract: Contract) -> None:
    first = contract.bench.phone.read_clock()
    second = contract.bench.phone.read_clock()
    assert first.half_round_trip_s > 0
    assert second.phone_utc_s > first.phone_utc_s
    assert second.host_s > first.host_s
    passed_s = second.host_s - first.host_s
    error_s = first.half_round_trip_s + second.half_round_trip_s + 0.01
    assert second.phone_utc_s - first.phone_utc_s == pytest.approx(passed_s, abs=error_s)


def test_it_is_given_back_as_it_was(contract: Contract) -> None:
    phone, lock = contract.bench.phone, contract.profile.lock
    with phone.prepared(lock) as before:
        assert before["scaling_governor"]
    with phone.prepared(lock) as again:
        assert dict(again) == dict(before)
    assert phone.give_back_leftovers() == []


def test_it_is_given_back_when_the_block_ends_by_an_error(contract: Contract) -> None:
    phone, lock = contract.bench.phone, contract.profile.lock
    with pytest.raises(ZeroDivisionError), phone.prepared(lock) as before:
        _ = 1 / 0
    with phone.prepared(lock) as again:
        assert dict(again) == dict(before)


def test_a_clock_that_it_does_not_have_is_refused_and_nothing_stays_changed(contract: Contract) -> None:
    phone, lock = contract.bench.phone, contract.profile.lock
    with phone.prepared(lock) as before:
        pass
    odd = ClockLock("odd", lock.core, lock.policy, 1)
    with pytest.raises(SettingRefused), phone.prepared(odd):
        pytest.fail("the block must not begin")
    with phone.prepared(lock) as again:
        assert dict(again) == dict(before)


def test_stopping_a_queue_that_does_not_run_does_nothing(contract: Contract) -> None:
    for _ in range(2):
        contract.bench.phone.stop_queue()


def test_a_file_that_is_not_what_it_is_said_to_be_is_noticed(contract: Contract, model: QueuedModel) -> None:
    profile = contract.profile
    with pytest.raises(PhoneFault, match="1 of 1 files differ"):
        contract.bench.phone.stage([QueuedModel("0" * 64, model.path)], profile.lock, profile.flags, profile.timing)


def test_a_window_of_one_model_gives_an_energy(contract: Contract, model: QueuedModel) -> None:
    bench, profile = contract.bench, contract.profile
    with bench.phone.prepared(profile.lock):
        run = run_window(bench, [model], profile)
    assert run.failure is None
    assert run.raw is not None
    report = read_report("phone", run.raw.archive)
    assert set(report.codes) == {"first", "last"}
    assert [r.exit_code for r in report.runs.values()] == [0]
    (visit,) = analyse(run.raw, profile, run.trace).visits
    assert visit.outcome in ("accepted", "marginal"), visit.reason
    assert visit.energy is not None
    assert visit.energy.energy_mj > 0
    assert bench.phone.read_clock().phone_utc_s > report.codes["last"].ended_s
