"""The same client suite against the fake adb server, a real adb server, and a real adb server with a real adbd.

    python benchmarks/conformance.py [--adbd FOLDER]

fake         hardware/sim/phone/fake_adb_server.py alone
real server  the `adb` of this computer (or the one that adbutils brings) in front of a simulated phone
real adbd    the same in front of Debian's adbd, in a network and mount namespace of its own; needs Linux, root, and
             --adbd, a folder that the package `adbd` and what it depends on were unpacked into
             (docs/how-to/conformance.md)

With a real adbd the driver's queue runs too, with a stand-in for the benchmark tool that does real LiteRT inference of
the .tflite files that were pushed: real latencies through the whole phone side. Prints a table; exit code 1 if a line
differs that is not explained.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import adbutils
from adb_daemon import AdbDaemon
from adb_suite import STEPS, Surroundings, run_suite

from hardware.android.adb_link import AdbLink
from hardware.android.adb_server import start_server
from hardware.clock import RealClock
from hardware.sim.constants import pixel4xl
from hardware.sim.settings import SimulationSettings
from hardware.sim.simulated_bench import SimulatedBench

HERE = Path(__file__).resolve().parent
FAKE, SERVER, ADBD = "fake", "real server", "real adbd"
_BOOT_S = 0.3
_PORT = 5838

EXPLAINED: dict[tuple[str, str], str] = {}
"""Lines that differ, by step and kind of server, and why that is right."""


@contextmanager
def booted_phone() -> Iterator[SimulatedBench]:
    """A simulated phone that is on adb as root, in the computer's time: a real server knows no other."""
    constants = pixel4xl()
    quick = constants.model_copy(update={"timing": constants.timing.model_copy(update={"boot_s": 0.1})})
    bench = SimulatedBench(SimulationSettings(1, paced=True), quick)
    with bench.world.lock:
        bench.phone.supply(4.2)
    bench.time.sleep(_BOOT_S)
    bench.world.catch_up()
    bench.phone.adb_is_root = True
    try:
        yield bench
    finally:
        bench.close()


def against_fake() -> dict[str, str]:
    """The suite on the fake server."""
    with booted_phone() as bench:
        link = AdbLink(bench.time, None, "127.0.0.1", bench.adb_port)
        return run_suite(Surroundings(link, "127.0.0.1", bench.adb_port, *_usb(bench)))


def _usb(bench: SimulatedBench):  # type: ignore[no-untyped-def]
    def switch(connected: bool) -> None:
        with bench.world.lock:
            bench.world.catch_up()
            bench.phone.set_adb(connected)

    return lambda: switch(False), lambda: switch(True)


@contextmanager
def real_server(port: int) -> Iterator[None]:
    """A real adb server on a port of its own."""
    with tempfile.TemporaryDirectory() as home:
        os.environ |= {"HOME": home, "ADB_LOCAL_TRANSPORT_MAX_PORT": "0", "ANDROID_ADB_SERVER_PORT": str(port)}
        start_server(port)
        try:
            yield
        finally:
            adbutils.AdbClient("127.0.0.1", port).server_kill()


def against_real_server() -> dict[str, str]:
    """The suite on a real server in front of a simulated phone."""
    with booted_phone() as bench, real_server(_PORT):
        daemon = AdbDaemon(bench.adb_server)
        serial = f"127.0.0.1:{daemon.port}"
        client = adbutils.AdbClient("127.0.0.1", _PORT)
        client.connect(serial)
        link = AdbLink(RealClock(), serial, "127.0.0.1", _PORT)
        try:
            return run_suite(Surroundings(link, "127.0.0.1", _PORT, *_usb(bench)))
        finally:
            client.disconnect(serial)
            daemon.close()


def against_real_adbd(adbd: Path) -> dict[str, str]:
    """The suite in a namespace with a real adbd; says also what real inference took."""
    command = ["unshare", "-mn", "--propagation", "private", "sh", str(HERE / "phone_namespace.sh")]
    inside = [sys.executable, str(HERE / "inside_namespace.py")]
    environment = os.environ | {"ADBD_ROOT": str(adbd), "ADB": adbutils.adb_path(), "ADB_PORT": str(_PORT)}
    with tempfile.TemporaryDirectory() as folder:
        environment |= {"PLACE": folder}
        done = subprocess.run([*command, *inside], env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"the namespace failed ({done.returncode}):\n{done.stderr[-3000:]}")
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


def show(outcomes: dict[str, dict[str, str]]) -> int:
    """Print the table; how many lines differ without an explanation."""
    kinds = list(outcomes)
    unexplained = 0
    print(f"{'step':<22}{'':<11}" + "outcome")
    for step in STEPS:
        said = {kind: outcomes[kind].get(step, "missing") for kind in kinds}
        if len(set(said.values())) == 1:
            print(f"{step:<22}{'equal':<11}{_short(said[FAKE])}")
            continue
        for kind in kinds:
            reason = EXPLAINED.get((step, kind), "")
            differs = said[kind] != said[FAKE]
            unexplained += differs and not reason
            mark = "" if not differs else "explained" if reason else "DIFFERS"
            print(f"{step:<22}{mark:<11}{kind}: {_short(said[kind])}{'; ' + reason if reason else ''}")
    for kind in kinds:
        for name in sorted(outcomes[kind].keys() - STEPS.keys()):
            print(f"{name:<22}{'':<11}{kind}: {outcomes[kind][name]}")
    n_equal = sum(len({outcomes[kind].get(step) for kind in kinds}) == 1 for step in STEPS)
    print(f"\n{len(STEPS)} steps on {', '.join(kinds)}: {n_equal} equal, {unexplained} differ without an explanation")
    return unexplained


def _short(text: str) -> str:
    text = " | ".join(text.splitlines())
    return text if len(text) <= 70 else f"{text[:50]}... ({len(text)} characters)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--adbd", type=Path, help="folder with the unpacked package adbd")
    arguments = parser.parse_args()
    outcomes = {FAKE: against_fake(), SERVER: against_real_server()}
    if arguments.adbd is not None and shutil.which("unshare"):
        outcomes[ADBD] = against_real_adbd(arguments.adbd)
    else:
        print("real adbd: not tried; give --adbd FOLDER\n")
    sys.exit(1 if show(outcomes) else 0)


if __name__ == "__main__":
    main()
