"""A stand-in for TFLite's `benchmark_model` where there is no Android: real inference by LiteRT, output as the tool's.

    litert_tool.py --graph=MODEL --num_runs=N --min_secs=S --max_secs=S --warmup_runs=N --warmup_min_secs=S ...

The loop rule and the lines are those of tensorflow/lite/tools/benchmark; the lines go to a file too, as they go to
logcat on a phone. Needs nothing of this project, so it can be pushed as it is.
"""

import math
import sys
import time

from ai_edge_litert.interpreter import Interpreter, OpResolverType

LOG = "/data/local/tmp/logcat.txt"
KNOWN = {
    "graph": "",
    "num_threads": "1",
    "num_runs": "50",
    "min_secs": "1",
    "max_secs": "150",
    "warmup_runs": "1",
    "warmup_min_secs": "0.5",
    "use_xnnpack": "true",
}


def say(text: str) -> None:
    sys.stdout.write(f"INFO: {text}\n")
    sys.stdout.flush()
    with open(LOG, "a", encoding="utf-8") as log:
        log.write(f"{time.time():20.6f}  4242  4242 I tflite  : {text}\n")  # noqa: TID251


def loop(interpreter: Interpreter, runs: int, min_s: float, max_s: float) -> list[float]:
    """Microseconds of each inference: enough of them and for long enough, but not for longer than `max_s`."""
    say(f"Running benchmark for at least {runs} iterations and at least {min_s:g} seconds but terminate if exceeding "
        f"{max_s:g} seconds.")  # fmt: skip
    began_s, taken_us = time.perf_counter(), list[float]()
    while (len(taken_us) < runs or time.perf_counter() - began_s < min_s) and time.perf_counter() - began_s <= max_s:
        before = time.perf_counter()
        interpreter.invoke()
        taken_us.append((time.perf_counter() - before) * 1e6)
    mean_us = math.fsum(taken_us) / len(taken_us)
    sd_us = math.sqrt(math.fsum((t - mean_us) ** 2 for t in taken_us) / len(taken_us))
    ordered = sorted(round(t) for t in taken_us)
    say(f"count={len(taken_us)} first={round(taken_us[0])} curr={round(taken_us[-1])} min={ordered[0]} "
        f"max={ordered[-1]} avg={mean_us:g} std={round(sd_us)} median={ordered[len(ordered) // 2]}")  # fmt: skip
    return taken_us


def main() -> int:
    given = dict(argument.removeprefix("--").partition("=")[::2] for argument in sys.argv[1:])
    flags = KNOWN | given
    say("STARTING!")
    if unknown := [f"--{name}" for name in given if name not in KNOWN]:
        sys.stdout.write(f"WARN: Unconsumed cmdline flags: {' '.join(unknown)}\n")
    began_s = time.perf_counter()
    plain = {"experimental_op_resolver_type": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES}
    try:
        interpreter = Interpreter(flags["graph"], num_threads=1, **({} if flags["use_xnnpack"] == "true" else plain))
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        sys.stderr.write(f"ERROR: {error}\nERROR: Failed to load model {flags['graph']}\nERROR: Benchmarking failed.\n")
        return 1
    say(f"Loaded model {flags['graph']}")
    init_us = round((time.perf_counter() - began_s) * 1e6)
    warm = loop(interpreter, int(flags["warmup_runs"]), float(flags["warmup_min_secs"]), float(flags["max_secs"]))
    taken = loop(interpreter, int(flags["num_runs"]), float(flags["min_secs"]), float(flags["max_secs"]))
    mean_us = [math.fsum(part) / len(part) for part in (warm, taken)]
    say(f"Inference timings in us: Init: {init_us}, First inference: {round(warm[0])}, "
        f"Warmup (avg): {mean_us[0]:g}, Inference (avg): {mean_us[1]:g}")  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())
