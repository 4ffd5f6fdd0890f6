"""A stand-in for TFLite's `benchmark_model` on the simulated phone.

It reads the pushed .tflite file, works out what an inference costs at the core's present clock, draws the run's own
noise, loads the phone for as long as the real tool would, and prints what the real tool prints: flags, loop rules,
number formats, errors and exit codes as in tensorflow/lite/tools/benchmark. What the phone's `tool_troubles` say goes
wrong on purpose: the tool "crashes", its output "is cut short", or it "takes the phone down".
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

import numpy as np

from hardware.sim.phone.phone_files import NoSuchFile
from hardware.sim.phone.shell import Shell, Steps, Streams
from hardware.sim.tflite_cost import InferenceCost, InvalidModel, OpWork, UnpreparedModel, cost_of, read_work
from hardware.sim.world import Truth

_DEFAULTS: dict[str, str] = {
    "graph": "",
    "num_threads": "-1",
    "num_runs": "50",
    "min_secs": "1",
    "max_secs": "150",
    "warmup_runs": "1",
    "warmup_min_secs": "0.5",
    "run_delay": "-1",
    "use_xnnpack": "",
    "enable_op_profiling": "false",
}
_INIT_POWER_SHARE = 0.8
_MEDDLING_SHARE = 0.3
_ABORTED = 134
_CUT_AFTER_BYTES = 300
_DOWN_AFTER_S = 0.7


@dataclass(frozen=True)
class _Loop:
    """What one benchmark loop saw: run count, and microseconds of single inferences."""

    count: int
    first: int
    curr: int
    low: int
    high: int
    mean: float
    sd: float


def _number(value: float) -> str:
    """As a C++ stream prints a double."""
    return format(value, ".6g")


def run(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    """The command: flags in, output and exit code as the real tool's."""
    phone = shell.context
    yield phone.constants.timing.spawn_s
    trouble = phone.tool_troubles.pop(0) if phone.tool_troubles else ""
    if trouble == "crashes":
        yield 0.4
        streams.stdout(b"STARTING!\nAborted\n")
        return _ABORTED
    if trouble == "is cut short":
        streams = Streams(streams.stdin, _first_bytes(streams.stdout, _CUT_AFTER_BYTES), streams.stderr)
    tool = _Tool(shell, streams, takes_phone_down=trouble == "takes the phone down")
    return (yield from tool.main(arguments))


def _first_bytes(write: Callable[[bytes], None], n_bytes: int) -> Callable[[bytes], None]:
    """What passes only so many bytes on."""
    left = n_bytes

    def some(data: bytes) -> None:
        nonlocal left
        write(data[:left])
        left -= len(data[:left])

    return some


class _Tool:
    def __init__(self, shell: Shell, streams: Streams, *, takes_phone_down: bool) -> None:
        self._takes_phone_down = takes_phone_down
        self._shell = shell
        self._phone: Any = shell.context
        self._streams = streams
        self._dialect = self._phone.tool_dialect
        self._prefix = "" if self._dialect in ("tf1", "tf23") else "INFO: "

    def _say(self, text: str) -> None:
        self._streams.stdout(f"{self._prefix}{text}\n".encode())
        self._phone.log("tflite", text)

    def _fail(self, *lines: str) -> int:
        mark = "ERROR: " if self._prefix else ""
        self._streams.stderr("".join(f"{mark}{line}\n" for line in (*lines, "Benchmarking failed.")).encode())
        return 1

    def main(self, arguments: list[str]) -> Steps:
        self._say("STARTING!")
        flags, unknown = dict(_DEFAULTS), list[str]()
        for argument in arguments:
            name, _, value = argument.removeprefix("--").partition("=")
            if name in flags:
                flags[name] = value
            else:
                unknown.append(argument)
        if unknown:
            self._streams.stdout(f"WARN: Unconsumed cmdline flags: {' '.join(unknown)}\n".encode())
        if not flags["graph"]:
            return self._fail("Please specify the name of your TF Lite input file with --graph")
        self._say("Log parameter values verbosely: [0]")
        self._say(f"Graph: [{flags['graph']}]")
        try:
            model = self._shell.files.read(self._shell.path(flags["graph"]))
            work = read_work(model)
        except NoSuchFile:
            return self._fail(f"Could not open '{flags['graph']}'.", f"Failed to load model {flags['graph']}")
        except InvalidModel as error:
            return self._fail(
                str(error), "The model allocation is null/empty", f"Failed to load model {flags['graph']}"
            )
        except UnpreparedModel as error:
            self._say(f"Loaded model {flags['graph']}")
            return self._fail(*error.lines)
        self._note_killer(hashlib.sha256(model).hexdigest())
        return (yield from self._benchmark(model, work, flags))

    def _note_killer(self, digest: str) -> None:
        """A model that takes the phone down does so in every run; one that was measured before is not made one."""
        phone = self._phone
        if self._takes_phone_down:
            if digest in phone.models_run:
                phone.tool_troubles.insert(0, "takes the phone down")
            else:
                phone.killers.add(digest)
        if digest in phone.killers:
            phone.world.at(phone.world.now_s + _DOWN_AFTER_S, phone.reboot)
        else:
            phone.models_run.add(digest)

    def _benchmark(self, model: bytes, work: tuple[OpWork, ...], flags: dict[str, str]) -> Steps:
        phone, world = self._phone, self._phone.world
        cluster = phone.cluster_of(int(self._shell.variables.get("AFFINITY", "0f"), 16))
        self._meddle(cluster)
        kernels = phone.constants.kernels[phone.kernel_table]
        cluster.account()
        cluster.busy = True
        cost = self._with_run_noise(cost_of(work, phone.constants, kernels, cluster.freq_khz))
        active_w = max(0.0, cost.power_w - phone.constants.power.idle_w)
        try:
            self._say(f"Loaded model {flags['graph']}")
            world.set_load("tool", _INIT_POWER_SHARE * active_w)
            init_s = phone.constants.timing.init_s
            yield init_s
            self._say(f"The input model file size (MB): {_number(len(model) / 1e6)}")
            self._say(f"Initialized session in {_number(init_s * 1e3)}ms.")
            world.set_load("tool", active_w)
            warm = yield from self._loop(cost, flags["warmup_runs"], flags["warmup_min_secs"], flags["max_secs"])
            began_s = phone.utc_s
            steady = yield from self._loop(cost, flags["num_runs"], flags["min_secs"], flags["max_secs"])
            digest = hashlib.sha256(model).hexdigest()
            world.on_truth(Truth(digest, began_s, phone.utc_s, cost.power_w, cost.latency_ms, cost.energy_mj))
        finally:
            cluster.account()
            cluster.busy = False
            world.set_load("tool", 0.0)
        self._report(init_s, warm, steady)
        return 0

    def _meddle(self, cluster: Any) -> None:
        """The power HAL, where it runs, rewrites the limits that someone has set."""
        rng = self._phone.world.rng
        if self._phone.services.get("vendor.power-hal-1-2") == "running" and rng.uniform() < _MEDDLING_SHARE:
            cluster.set_min(str(cluster.freqs_khz[0]))
            cluster.set_max(str(rng.choice(cluster.freqs_khz)))

    def _with_run_noise(self, cost: InferenceCost) -> InferenceCost:
        world = self._phone.world
        noise = world.constants.noise
        power_w = cost.power_w * world.session_gain * math.exp(world.rng.normal(0.0, noise.run_power_sd))
        latency_ms = cost.latency_ms * math.exp(world.rng.normal(0.0, noise.run_latency_sd))
        return InferenceCost(latency_ms, power_w * world.leakage_factor(power_w))

    def _loop(self, cost: InferenceCost, runs: str, min_secs: str, max_secs: str) -> Generator[float, None, _Loop]:
        """Run until enough runs and enough seconds, but not beyond the longest time."""
        phone = self._phone
        self._say(
            f"Running benchmark for at least {int(runs)} iterations and at least {_number(float(min_secs))} seconds "
            f"but terminate if exceeding {_number(float(max_secs))} seconds."
        )
        jitter = phone.constants.noise.inference_jitter_sd
        overhead_us = phone.constants.timing.per_run_overhead_us
        each_s = cost.latency_ms * 1e-3 + overhead_us * 1e-6
        count = max(int(runs), math.ceil(float(min_secs) / each_s), 1)
        count = max(1, min(count, math.ceil(float(max_secs) / each_s)))
        yield count * each_s
        sd_us = cost.latency_ms * 1e3 * jitter
        rng = phone.world.rng
        mean_us = cost.latency_ms * 1e3 + float(rng.normal(0.0, sd_us / math.sqrt(count)))
        few = np.rint(rng.normal(mean_us, sd_us, min(count, 4))).astype(int)
        loop = _Loop(count, int(few[0]), int(few[-1]), int(few.min()), int(few.max()), mean_us, sd_us)
        self._say(self._statistics(loop))
        self._streams.stdout(b"\n")
        return loop

    def _statistics(self, loop: _Loop) -> str:
        if loop.count == 1:
            return f"count=1 curr={loop.curr}"
        text = (
            f"count={loop.count} first={loop.first} curr={loop.curr} min={loop.low} max={loop.high} "
            f"avg={_number(loop.mean)} std={int(loop.sd)}"
        )
        if self._dialect == "litert":
            text += f" p5={loop.low} median={round(loop.mean)} p95={loop.high}"
        return text

    def _report(self, init_s: float, warm: _Loop, steady: _Loop) -> None:
        init_us = int(init_s * 1e6)
        if self._dialect == "tf1":
            self._say(
                f"Average inference timings in us: Warmup: {_number(warm.mean)}, Init: {init_us}, "
                f"no stats: {_number(steady.mean)}"
            )
            return
        self._say(
            f"Inference timings in us: Init: {init_us}, First inference: {warm.first}, "
            f"Warmup (avg): {_number(warm.mean)}, Inference (avg): {_number(steady.mean)}"
        )
        label = (
            "Peak memory footprint (MB)"
            if self._dialect == "tf23"
            else ("Memory footprint delta from the start of the tool (MB)")
        )
        self._say(f"{label}: init=5.1 overall=13.9")
