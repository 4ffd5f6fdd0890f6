"""The simulation's constants as values, read from `pixel4xl.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Cluster(_Frozen):
    """A group of cores with one clock."""

    cores: list[int]
    freqs_khz: list[int]


class ThrottleStep(_Frozen):
    """From which skin temperature on (degC) a cluster is held to which clock (kHz)."""

    skin_c: float
    cpu7_khz: int


class Thermal(_Frozen):
    """How the skin warms: a first-order model."""

    ambient_c: float
    skin_c_per_w: float
    skin_tau_s: float
    soc_c_per_w: float
    leakage_per_c: float
    reference_c: float


class Arithmetic(_Frozen):
    """What a multiplication costs in an arithmetic, relative to int8."""

    gemm_time: float
    depthwise_time: float
    mac_energy: float


class Cost(_Frozen):
    """Time and power of operators, fitted to published figures."""

    fitted_khz: int
    op_us: float
    gemm_cycles_per_mac: float
    depthwise_cycles_per_mac: float
    output_cycles: float
    byte_cycles: float
    spill_ns_per_byte: float
    l2_bytes: int
    active_power_w: float
    mac_pj: float
    output_pj: float
    spill_pj_per_byte: float
    arithmetic: dict[str, Arithmetic]


class KernelTable(_Frozen):
    """How kernels pad channels."""

    tile_rows: int
    tile_columns: int
    pad_all_depth: bool
    depthwise_taps: list[int]
    pad_outputs: bool


class Scaling(_Frozen):
    """How latency and power follow the clock."""

    volt_base: float
    volt_per_ghz: float


class Power(_Frozen):
    """Power of the phone at rest and at work, W."""

    idle_w: float
    suspended_w: float
    screen_w: float
    radios_w: float
    adb_w: float
    spin_w: float
    usb_share: float
    off_w: float
    lead_ohm: float


class Noise(_Frozen):
    """Spread of runs, visits and sessions, relative."""

    session_gain_sd: float
    run_power_sd: float
    run_latency_sd: float
    inference_jitter_sd: float
    sample_sd: float
    slow_sd: float
    wakeups_per_hour: float
    wakeup_w: float
    wakeup_s: float


class Timing(_Frozen):
    """How long commands and restarts take, s."""

    shell_s: float
    spawn_s: float
    push_bytes_per_s: float
    usb_gone_s: float
    usb_back_min_s: float
    usb_back_max_s: float
    init_s: float
    per_run_overhead_us: float
    boot_s: float
    clock_drift_ppm: float


class Meter(_Frozen):
    """What the meter adds: noise and offsets."""

    serial: int
    firmware: int
    rate_drift_ppm: float
    zero_codes: list[int]
    reference_codes: list[int]
    zero_offsets: list[int]
    code_noise_lsb: float
    volt_noise_lsb: float
    short_packet_share: float
    queue_samples: int


class SimulationConstants(_Frozen):
    """Everything the simulated bench assumes; the file says where each figure is from."""

    model: str
    device: str
    fingerprint: str
    kernel: str
    clusters: dict[str, Cluster]
    throttle: list[ThrottleStep]
    thermal: Thermal
    cost: Cost
    kernels: dict[str, KernelTable]
    scaling: Scaling
    power: Power
    noise: Noise
    timing: Timing
    meter: Meter


@cache
def pixel4xl() -> SimulationConstants:
    """The constants that ship with the project."""
    text = Path(__file__).with_name("pixel4xl.toml").read_text(encoding="utf-8")
    return SimulationConstants.model_validate(tomllib.loads(text))
