"""Names from outside reach the phone's shell as names, whatever stands in them."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from adb_suite import HOSTILE_NAMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from phone_rig import PhoneRig, phone_rig

from hardware.android.phone_settings import Setting
from hardware.android.pixel import _settings_text
from hardware.errors import HardwareError, PhoneNotFound, ToolMissing
from hardware.phone import PIXEL_4_XL_LOCKS, ClockLock, QueuedModel, QueueTiming, ToolFlags
from lab.errors import ProfileError
from lab.profile.profile import parse_profile
from search.networks.spaces import TABLE_2
from search.tflite.writer import write_tflite

MARK = "/data/local/tmp/injected"
INJECTIONS = (
    *HOSTILE_NAMES,
    f"x; echo > {MARK}",
    f"$(echo > {MARK})",
    f"`echo > {MARK}`",
    f"x' ; echo > {MARK} ; '",
    f"x\necho > {MARK}\n",
)
TIMING = QueueTiming(settle_s=7.0, gap_s=0.35, chip_s=0.1, pulse_s=1.0, max_skin_c=36.0)


@pytest.fixture(scope="module")
def rig() -> Iterator[PhoneRig]:
    with phone_rig() as rig:
        yield rig


def nothing_was_injected(rig: PhoneRig) -> None:
    assert not rig.phone.files.is_file(MARK)
    assert not rig.phone.files.is_file("/x")


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_tool_path_is_a_path(rig: PhoneRig, name: str) -> None:
    with pytest.raises(ToolMissing):
        rig.pixel().tool_sha256(f"/data/local/tmp/{name}")
    nothing_was_injected(rig)


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_model_file_of_any_name_is_run_by_its_hash(rig: PhoneRig, tmp_path: Path, name: str) -> None:
    content = write_tflite(TABLE_2, 0)
    path = tmp_path / (name.replace("/", "_") + ".tflite")
    path.write_bytes(content)
    model = QueuedModel(hashlib.sha256(content).hexdigest(), path)
    flags = ToolFlags("/data/local/tmp/benchmark_model", 1.2, 20, 30.0, 0.2, True, 60.0)
    n_before = len(rig.commands)
    rig.pixel().stage([model], PIXEL_4_XL_LOCKS["paper"], flags, TIMING)
    nothing_was_injected(rig)
    assert not any(f"/{path.name}" in command and name != "*" for command in rig.commands[n_before:])
    queue = rig.phone.files.read("/data/local/tmp/lab/window/queue").decode()
    assert queue == f"0 {model.sha256}.tflite\n"


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_cpufreq_policy_is_a_name(rig: PhoneRig, name: str) -> None:
    assert rig.pixel().clocks_khz(name) == set()
    lock = ClockLock("odd", 7, name, 1804800)
    with pytest.raises(HardwareError), rig.pixel().prepared(lock):
        pytest.fail("there is no such policy")
    nothing_was_injected(rig)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=40))
def test_what_the_runner_reads_as_settings_are_values_and_nothing_else(rig: PhoneRig, value: str) -> None:
    """The `settings` file is shell text: whatever a value is, it is assigned and not executed."""
    flags = ToolFlags(value, 1.2, 20, 30.0, 0.2, True, 60.0)
    text = _settings_text(ClockLock("odd", 7, value, 1804800), flags, TIMING, value)
    said = bytearray()
    steps = rig.phone.shell(f'{text}\necho "[$tool]"', said.extend, said.extend)
    for _ in steps:
        continue
    assert said.decode() == f"[{value}]\n"


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_value_that_a_phone_had_before_is_given_back_as_it_was(name: str) -> None:
    setting = Setting("any", "true", "echo {value} > /dev/null", "1")
    assert name in shlex.split(setting.command(name).removesuffix(" > /dev/null"))


@pytest.mark.parametrize("name", INJECTIONS)
def test_a_serial_number_is_looked_for_and_nothing_else(rig: PhoneRig, name: str) -> None:
    n_before = len(rig.commands)
    with pytest.raises(PhoneNotFound):
        rig.link(name)
    assert rig.commands[n_before:] == []
    nothing_was_injected(rig)


@pytest.mark.parametrize("path", ["/data/x; reboot", "/data/$(reboot)", "relative", "/data/a b", "/data/'x'"])
def test_a_profile_with_a_tool_path_that_is_more_than_a_path_is_refused(path: str) -> None:
    with pytest.raises(ProfileError, match=r"tool\.path"):
        parse_profile(f'name = "x"\n[tool]\npath = "{path}"\n', "x")
