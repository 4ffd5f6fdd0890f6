"""The page on a real bench: typed on the simulated one, and on a computer whose bench is not there."""

from __future__ import annotations

from pathlib import Path

import pytest
from walk import ROOT, Walk, commands_of

from lab.errors import BENCH_UNAVAILABLE
from lab.profile.setup import FoundMeter, profile_text

PAGE = "docs/how-to/real-bench.md"
WITHOUT_HARDWARE = {
    "sudo tee /etc/udev/rules.d/60-monsoon.rules": "tee 60-monsoon.rules",
    # In a checkout: the tests lie there.
    "pytest --bench bench tests/hardware": f"python -m pytest --rootdir {ROOT} --bench simulated {ROOT}/tests/hardware",
}
"""What needs root or devices -> the same without."""
CONTRACT = "python -m pytest"
MODES = pytest.mark.parametrize("in_terminal", [True, False], ids=["terminal", "piped"])


@MODES
def test_what_needs_no_hardware_ends_well_on_the_simulated_bench(in_terminal: bool, tmp_path: Path) -> None:
    walk = Walk.begun(tmp_path, in_terminal)
    for command in commands_of(PAGE, WITHOUT_HARDWARE):
        if command == "lab init":
            # Nothing is plugged in: it is told, and what follows is the simulated bench.
            code, printed = walk.type(command)
            assert (code, "hint: Plug the meter in" in printed) == (BENCH_UNAVAILABLE, True), printed
        elif not command.startswith(CONTRACT):
            walk.ends_well(command)
    walk.assert_readable()
    assert 'ATTR{idVendor}=="2ab9"' in (walk.folder / "60-monsoon.rules").read_text()
    assert "20 of 20 architectures done" in walk.said
    assert "SIMULATED" in walk.said


@pytest.mark.slow
def test_the_contract_tests_of_the_page_run_on_the_simulated_bench(tmp_path: Path) -> None:
    walk = Walk.begun(tmp_path)
    (command,) = [each for each in commands_of(PAGE, WITHOUT_HARDWARE) if each.startswith(CONTRACT)]
    assert " passed" in walk.ends_well(command)


@MODES
def test_a_bench_that_is_not_there_is_an_error_with_a_hint_and_exit_code_3(in_terminal: bool, tmp_path: Path) -> None:
    walk = Walk.begun(tmp_path, in_terminal)
    walk.keep_profile(profile_text(FoundMeter("hvpm", "26511", None), "98SIM4XL01", "cool"))
    for command in ("lab doctor", "lab doctor --passthrough", "lab measure --n 20", "lab init --force"):
        code, printed = walk.type(command)
        assert code == BENCH_UNAVAILABLE, f"{command}\n{printed}"
        assert "hint: " in printed or "fail" in printed
    walk.assert_readable()
    assert not list(walk.folder.glob("lab.db.files/*.zst"))
