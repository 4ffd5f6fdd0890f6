"""The checks of `lab doctor` that need the bench open: meter, supply, phone, tool, clock, heat, USB passthrough.

Opening a bench feeds the phone at the profile's voltage and passes its USB, as measuring would. Nothing else is
changed unless `passthrough` is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial

from hardware.android.pixel import Pixel
from hardware.bench import Bench, BenchSettings
from hardware.errors import HardwareError, ToolMissing
from hardware.phone import PIXEL_4_XL_LOCKS
from lab.bench.procedure import WindowTimes, unplugged, wait_until_sampling
from lab.doctor.check import Check, attempt
from lab.errors import LabError
from lab.profile.profile import BenchProfile

_SAME_V = 0.05
# Outside these codes the vendor's package refuses to set a voltage.
_DAC_CODES = {"dac_cal_low": (0xD000, 0xF000), "dac_cal_high": (0xC000, 0xD000)}


def bench_checks(
    profile: BenchProfile, passthrough: bool, open_bench: Callable[[BenchSettings], AbstractContextManager[Bench]]
) -> list[Check]:
    """Open the bench and make the checks; a bench that cannot be opened or given back is one that fails."""
    looks: dict[str, Callable[[Bench, BenchProfile], Check]] = {
        "meter's calibration": _calibration,
        "supply": _supply,
        "phone's root": _root,
        "benchmark tool": _tool,
        "leftover settings": _leftovers,
        "clock": _clock,
        "skin temperature": _skin,
    }
    checks: list[Check] = []
    try:
        with open_bench(profile.bench_settings(session=0)) as bench:
            kind = "SIMULATED " if bench.simulated else ""
            checks.append(Check("bench", "ok", f"the {kind}bench opens and the phone is fed"))
            checks += [attempt(name, partial(look, bench, profile)) for name, look in looks.items()]
            if passthrough:
                checks.append(attempt("USB passthrough", partial(_passthrough, bench, profile)))
            else:
                why = "not tried: it takes the phone off adb for some seconds"
                checks.append(Check("USB passthrough", "skipped", why, "Try it with `lab doctor --passthrough`."))
    except (HardwareError, LabError) as error:
        checks.append(Check("bench", "fail", str(error), error.hint))
    except Exception as error:  # noqa: BLE001 (what was found so far must be shown)
        why = f"{type(error).__name__}: {error}"
        checks.append(Check("bench", "fail", why, "Run with -vv and report what it prints."))
    return checks


def _calibration(bench: Bench, profile: BenchProfile) -> Check:
    name, info = "meter's calibration", bench.meter.info
    figures = ", ".join(f"{key} {value:g}" for key, value in info.calibration.items()) or "none kept in the unit"
    why = f"{info.kind} {info.serial}, firmware {info.firmware}: {figures}"
    for key, (low, high) in _DAC_CODES.items():
        code = info.calibration.get(key)
        if code is not None and not low <= code <= high:
            fix = "The meter will refuse every voltage: calibrate it with the vendor's tool."
            return Check(name, "fail", f"{why}; {key} is outside {low} to {high}", fix)
    return Check(name, "ok", why)


def _supply(bench: Bench, profile: BenchProfile) -> Check:
    set_v, wanted_v = bench.meter.output_v(), profile.supply.voltage_v
    why = f"the meter says {set_v:.3f} V, the profile {wanted_v:.3f} V"
    if abs(set_v - wanted_v) <= _SAME_V:
        return Check("supply", "ok", why)
    return Check("supply", "fail", why, "Power-cycle the meter; does another program set its voltage?")


def _root(bench: Bench, profile: BenchProfile) -> Check:
    # That the phone could be opened at all proves root: the driver refuses one without.
    info = bench.phone.info
    why = f"{info.model} {info.serial} is rooted, {info.build_fingerprint}"
    if info.model == "Pixel 4 XL":
        return Check("phone's root", "ok", why)
    return Check("phone's root", "warn", why, "The clock locks are those of a Pixel 4 XL: see that `clock` is ok.")


def _tool(bench: Bench, profile: BenchProfile) -> Check:
    tool = profile.tool
    try:
        return Check("benchmark tool", "ok", f"{tool.path}, sha256 {bench.phone.tool_sha256(tool.path)}")
    except ToolMissing as error:
        if tool.host_path is None:
            raise
        if tool.host_path.is_file():
            return Check("benchmark tool", "ok", f"{tool.host_path} will be put onto the phone")
        why, fix = f"{error.evidence}, nor is {tool.host_path} here", "Correct tool.host_path in the profile."
        return Check("benchmark tool", "fail", why, fix)


def _leftovers(bench: Bench, profile: BenchProfile) -> Check:
    if not _pixel(bench).has_leftovers():
        return Check("leftover settings", "ok", "none")
    why = "a campaign that died left its settings on the phone"
    return Check("leftover settings", "warn", why, "Nothing to do: the next `lab measure` gives them back first.")


def _clock(bench: Bench, profile: BenchProfile) -> Check:
    lock = profile.lock
    there = _pixel(bench).clocks_khz(lock.policy)
    if lock.freq_khz in there:
        return Check("clock", "ok", f"cpu{lock.core} has {lock.freq_khz:,} kHz")
    why = f"cpu{lock.core} has no {lock.freq_khz:,} kHz; it has {', '.join(f'{khz:,}' for khz in sorted(there))}"
    usable = [n for n, other in PIXEL_4_XL_LOCKS.items() if other.freq_khz in _pixel(bench).clocks_khz(other.policy)]
    fix = (
        f"Choose another lock: [phone] lock = {' or '.join(usable)}." if usable else "This phone has none of the locks."
    )
    return Check("clock", "fail", why, fix)


def _skin(bench: Bench, profile: BenchProfile) -> Check:
    skin_c, limit_c = _pixel(bench).skin_c(), profile.phone.max_skin_c
    why = f"{skin_c:.1f} °C, measured up to {limit_c:.1f} °C"
    if skin_c <= limit_c:
        return Check("skin temperature", "ok", why)
    return Check("skin temperature", "warn", why, "Let the phone cool down, or cool it: it waits before each model.")


def _pixel(bench: Bench) -> Pixel:
    # The Phone protocol is what measuring needs; these checks look at what only the driver of this phone knows.
    if not isinstance(bench.phone, Pixel):
        raise LabError(f"{bench.phone.info.model} is not driven as a Pixel.", "This check is made for Pixels only.")
    return bench.phone


def _passthrough(bench: Bench, profile: BenchProfile) -> Check:
    """Cut USB, see by the meter's own channel that it is off, pass it again, and wait for the phone."""
    times = WindowTimes()
    with bench.meter.recording() as recording, unplugged(bench, profile, times):
        glimpse = wait_until_sampling(bench, recording, profile)
    why = (
        f"off: {glimpse.usb_v:.2f} V on USB, phone fed with {glimpse.supply_v:.3f} V and {glimpse.current_a:.3f} A; "
        f"on: the phone was back after {times.reconnect_s:.1f} s"
    )
    return Check("USB passthrough", "ok", why)
