"""Puts mutated specimens before every decoder: none may crash, hang, fill the memory, or be silently wrong.

    python benchmarks/fuzz.py --minutes 10                    every decoder, ten minutes each
    python benchmarks/fuzz.py --minutes 2 --decoder journal
    python benchmarks/fuzz.py --decoder journal --only 4711   one input again, with its traceback

A finding is named by decoder, seed and number. Each decoder runs in a process of its own, with a limit of memory and
one of time for each input. Ends with exit code 1 if there was a finding. SIMULATED specimens (tests/data/recordings).
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import random
import resource
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fuzzing.decoders import DECODERS, Decoder

LIMIT_S = 10.0
MEMORY_BYTES = 1 << 30
_SHOWN = 10


class Hang(BaseException):
    """An input took longer than its limit."""


@dataclass
class Findings:
    """What came of some inputs."""

    n_inputs: int = 0
    n_refused: int = 0
    slowest_s: float = 0.0
    found: dict[str, list[int]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)


def one_input(
    decoder: Decoder, run: Callable[[random.Random], None], seed: int, number: int, limit_s: float = LIMIT_S
) -> str | None:
    """Run an input; the name of the documented error that refused it, or None.

    Args:
        limit_s: how long it may take; 0: for ever.

    Raises:
        BaseException: a finding.
    """
    rng = random.Random(f"{decoder.name}:{seed}:{number}")
    if limit_s:
        signal.setitimer(signal.ITIMER_REAL, limit_s)
        # For what never comes back to Python: the process ends, and says where it was.
        faulthandler.dump_traceback_later(3 * limit_s, exit=True)
    try:
        run(rng)
    except decoder.allowed as error:
        return type(error).__name__
    finally:
        if limit_s:
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            faulthandler.cancel_dump_traceback_later()
    return None


def fuzz(decoder: Decoder, seed: int, budget_s: float, most: int | None = None, limit_s: float = LIMIT_S) -> Findings:
    """Inputs until the time is up, or so many."""
    run = decoder.make()
    findings = Findings()
    ends_s = time.monotonic() + budget_s
    while time.monotonic() < ends_s and (most is None or findings.n_inputs < most):
        number = findings.n_inputs
        findings.n_inputs += 1
        began_s = time.monotonic()
        try:
            refused = one_input(decoder, run, seed, number, limit_s)
        except (Hang, Exception) as error:  # noqa: BLE001 (whatever it is, it is a finding)
            where = traceback.extract_tb(error.__traceback__)[-1]
            name = f"{type(error).__name__}: {error!s:.90} ({Path(where.filename).name}:{where.lineno})"
            findings.found.setdefault(name, []).append(number)
        else:
            if refused:
                findings.n_refused += 1
                findings.refused[refused] += 1
        findings.slowest_s = max(findings.slowest_s, time.monotonic() - began_s)
    return findings


def set_limits() -> None:
    """Memory of this process, time of each input, warnings as errors."""
    now = _address_space_bytes()
    resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_BYTES, now + MEMORY_BYTES))

    signal.signal(signal.SIGALRM, on_alarm)
    warnings.simplefilter("error")
    warnings.filterwarnings("ignore", category=ResourceWarning)
    logging.disable(logging.CRITICAL)


def on_alarm(number: int, frame: FrameType | None) -> None:
    """The time of an input is up."""
    raise Hang("no end in time")


def _address_space_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * resource.getpagesize()


def report(name: str, seed: int, findings: Findings, took_s: float) -> None:
    refused = findings.n_refused / max(1, findings.n_inputs)
    print(
        f"{name:<14} {findings.n_inputs:>9,} inputs in {took_s:>5.0f} s, {refused:>4.0%} refused, "
        f" slowest {findings.slowest_s:.2f} s, {len(findings.found)} kinds of finding",
        flush=True,
    )
    for what, numbers in list(findings.found.items())[:_SHOWN]:
        print(f"    {len(numbers)} x {what}")
        print(f"      again: python benchmarks/fuzz.py --decoder {name} --seed {seed} --only {numbers[0]}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0, help="for each decoder")
    parser.add_argument("--decoder", choices=sorted(DECODERS), help="only this one")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run one input again, by its number")
    arguments = parser.parse_args()
    if arguments.decoder is None:
        # A decoder that ends its process must not end the others.
        again = [sys.executable, __file__, "--minutes", str(arguments.minutes), "--seed", str(arguments.seed)]
        codes = [subprocess.run([*again, "--decoder", name], check=False).returncode for name in DECODERS]
        return int(any(codes))
    decoder = DECODERS[arguments.decoder]
    set_limits()
    if arguments.only is not None:
        print(one_input(decoder, decoder.make(), arguments.seed, arguments.only) or "taken")
        return 0
    began_s = time.monotonic()
    findings = fuzz(decoder, arguments.seed, arguments.minutes * 60)
    report(decoder.name, arguments.seed, findings, time.monotonic() - began_s)
    return int(bool(findings.found))


if __name__ == "__main__":
    sys.exit(main())
