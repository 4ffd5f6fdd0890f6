"""Whatever goes wrong by its name: nothing wrong in the record, nothing missing, nothing twice, and it is noted.

A handful of the cases of benchmarks/fault_matrix.py; with `-m slow` each fault once.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from typer.testing import CliRunner

from hardware.sim.faults.catalogue import FAULTS
from hardware.sim.faults.effects import EFFECTS
from lab.cli import app, register
from lab.errors import ProfileError
from lab.profile.profile import load_profile, parse_profile

MATRIX = Path(__file__).resolve().parents[3] / "benchmarks" / "fault_matrix.py"
HANDFUL = (
    ("drop_burst",),
    ("meter_unplugged",),
    ("adb_stuck", "tool_crashes"),
    ("phone_reboots",),
    ("disk_full",),
)


def matrix() -> ModuleType:
    """The benchmark, as a module."""
    spec = importlib.util.spec_from_file_location("fault_matrix", MATRIX)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fault_matrix"] = module
    spec.loader.exec_module(module)
    return module


def assert_right(found: dict[str, Any], faults: tuple[str, ...]) -> None:
    assert (found["wrong"], found["missing"], found["twice"]) == (0, 0, 0), found
    assert found["unnoticed"] == "", found
    assert found["audit"] == "", found
    assert found["phone_restored"], found
    assert found["worst_frac"] < 0.015
    assert set(found["struck"].split("+")) <= set(faults)


@pytest.mark.parametrize("faults", HANDFUL, ids="+".join)
def test_a_fault_leaves_a_right_record_and_is_noted(tmp_path: Path, faults: tuple[str, ...]) -> None:
    found = matrix().until_done(tmp_path, faults, seed=1)
    assert_right(found, faults)
    assert found["struck"]


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", sorted(FAULTS.keys() - {"power_loss"}))
def test_every_fault_leaves_a_right_record(tmp_path: Path, name: str) -> None:
    found = matrix().until_done(tmp_path, (name,), seed=3)
    assert_right(found, (name,))
    assert found["struck"] == name


@pytest.mark.slow
def test_a_window_whose_canaries_were_all_rejected_does_not_count(tmp_path: Path) -> None:
    """USB comes on while the canary runs: nobody knows whether the clock of the other runs was the right one."""
    found = matrix().until_done(tmp_path, ("usb_returns", "clock_lies"), seed=1002)
    assert "incident quarantine" in found["signals"]
    assert "gate no canary of the window can be trusted" in found["signals"]
    assert found["worst_frac"] < 0.015
    assert found["audit"] == ""


def test_a_host_that_loses_its_power_goes_on_where_it_was(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(MATRIX.parent)!r}); import fault_matrix as m, json, pathlib; " \
        "print(json.dumps(m.until_done(pathlib.Path(sys.argv[1]), ['power_loss'], 3, int(sys.argv[2]))))"  # fmt: skip
    dies = subprocess.run([sys.executable, "-c", code, str(tmp_path), "0"], capture_output=True, check=False)
    assert dies.returncode == -9
    goes_on = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), "1"], capture_output=True, text=True, check=False
    )
    assert goes_on.returncode == 0, goes_on.stderr
    found = json.loads(goes_on.stdout)
    assert_right(found, ("power_loss",))
    assert "stop SIGKILL" in found["signals"]


def test_every_fault_that_hits_a_device_can_strike_and_says_how_it_shows() -> None:
    for name, fault in FAULTS.items():
        assert (name in EFFECTS) == (fault.hits != "host"), name
        assert bool(fault.harmless) != bool(fault.shows), name


def test_the_faults_are_listed_by_the_command() -> None:
    if not app.registered_commands:
        register(app)
    listed = CliRunner().invoke(app, ["measure", "--fault", "list"])
    assert listed.exit_code == 0
    assert "SIMULATED" in listed.output
    for name in FAULTS:
        assert name in listed.output


def test_a_fault_that_is_not_known_is_named_with_its_neighbour() -> None:
    with pytest.raises(ProfileError, match="did you mean 'adb_gone'"):
        load_profile("simulated").with_faults(["adb_gon"], 1)


def test_nothing_can_be_made_to_go_wrong_on_a_real_bench(tmp_path: Path) -> None:
    profile = tmp_path / "real.toml"
    profile.write_text('name = "real"\n')
    with pytest.raises(ProfileError, match="real one") as raised:
        load_profile(str(profile)).with_faults(["adb_gone"], 1)
    assert "--bench simulated" in raised.value.hint


@pytest.mark.parametrize("in_profile", [True, False])
def test_faults_of_another_meter_than_they_are_made_for_are_refused(in_profile: bool) -> None:
    text = 'name = "x"\n[meter]\nkind = "lvpm"\n[simulated]\n'
    plain = parse_profile(text, "x")
    with pytest.raises(ProfileError, match="hvpm"):
        _ = parse_profile(f'{text}faults = ["adb_gone"]\n', "x") if in_profile else plain.with_faults(["adb_gone"], 1)


def test_the_same_seed_strikes_at_the_same_moment(tmp_path: Path) -> None:
    first, second = (matrix().until_done(_made(tmp_path / name), ("clock_steps",), seed=4) for name in "ab")
    for name in ("signals", "runs_lost", "bench_s", "n_starts"):
        assert first[name] == second[name], name


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
