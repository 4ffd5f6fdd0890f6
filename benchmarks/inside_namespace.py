"""What benchmarks/conformance.py runs inside the namespace of a real adbd: the suite, then a queue of real inference.

Prints one line of JSON. $SERIAL and $ADB_PORT say where the phone is.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import adbutils
from adb_suite import Surroundings, run_suite

from hardware.android.adb_link import AdbLink
from hardware.android.benchmark_tool import ToolFailure, read_output
from hardware.android.pixel import Pixel
from hardware.android.runner_journal import read_report
from hardware.clock import RealClock
from hardware.phone import ClockLock, QueuedModel, QueueTiming, ToolFlags
from search.networks.baselines import BASELINES
from search.networks.spaces import TABLE_2
from search.tflite.writer import write_tflite

HOST = "127.0.0.1"
TOOL = "/data/local/tmp/benchmark_model"
_QUEUE_TIMEOUT_S = 90.0


def main() -> None:
    serial, port = os.environ["SERIAL"], int(os.environ["ADB_PORT"])
    client = adbutils.AdbClient(HOST, port)
    clock = RealClock()
    link = AdbLink(clock, serial, HOST, port)
    outcomes = run_suite(
        Surroundings(link, HOST, port, lambda: _drop(client, serial), lambda: _connect(client, serial))
    )
    outcomes |= real_inference(link, clock)
    print(json.dumps(outcomes))


def _drop(client: adbutils.AdbClient, serial: str) -> None:
    client.disconnect(serial)


def _connect(client: adbutils.AdbClient, serial: str) -> None:
    client.connect(serial)


def real_inference(link: AdbLink, clock: RealClock) -> dict[str, str]:
    """Three models through the driver's own queue; what the stand-in for the tool says of each."""
    phone = Pixel(link, clock)
    script = Path(__file__).with_name("litert_tool.py").read_text(encoding="utf-8")
    phone.put_tool(f"#!{sys.executable}\n{script}".encode(), TOOL)
    flags = ToolFlags(TOOL, min_secs=1.0, min_runs=20, max_secs=10.0, warmup_secs=0.2, use_xnnpack=True, limit_s=30.0)
    timing = QueueTiming(settle_s=1.0, gap_s=0.3, chip_s=0.1, pulse_s=0.6, max_skin_c=36.0)
    lock = ClockLock("namespace", 0, "policy0", 1804800)
    with tempfile.TemporaryDirectory() as folder:
        files = {"table2": write_tflite(TABLE_2, 0), "broken": b"not a model"}
        for baseline in BASELINES:
            files[baseline.name] = write_tflite(baseline, 0)
        models = []
        for name, content in files.items():
            path = Path(folder) / f"{name}.tflite"
            path.write_bytes(content)
            models.append(QueuedModel(hashlib.sha256(content).hexdigest(), path))
        phone.stage(models, lock, flags, timing)
        phone.start_queue()
        ended_s = time.monotonic() + _QUEUE_TIMEOUT_S
        while (report := read_report("phone", phone.collect())).exit_code is None and time.monotonic() < ended_s:
            clock.sleep(1.0)
    found = {"queue": f"exit code {report.exit_code}, sync codes {', '.join(sorted(report.codes))}"}
    for number, name in enumerate(files):
        run = report.runs.get(number)
        if run is None:
            found[f"inference {name}"] = "not reached"
            continue
        result = read_output(run.output, run.exit_code)
        if isinstance(result, ToolFailure):
            found[f"inference {name}"] = f"{result.kind}: {result.reason[:60]}"
        else:
            found[f"inference {name}"] = f"{result.latency_ms:.3f} ms, {result.n_runs} runs, {len(run.log)} log lines"
    return found


if __name__ == "__main__":
    main()
