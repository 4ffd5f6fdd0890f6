"""A short run of the fuzzer: no decoder crashes or is silently wrong; and the fuzzer finds what it is to find."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable

import numpy as np
import pytest
from fuzz import Hang, fuzz, on_alarm
from fuzzing.decoders import DECODERS, Decoder
from fuzzing.mutations import mutated
from fuzzing.wrong import hold

N_INPUTS = {"usb-packets": 60, "serial-frames": 60, "adb-streams": 400, "tool-output": 400, "journal": 100}
N_INPUTS |= {"recording": 40, "replay": 3, "window": 15}
_FOR_EVER_S = 1e9


@pytest.mark.parametrize("name", DECODERS)
def test_mutated_specimens_are_decoded_or_refused(name: str) -> None:
    findings = fuzz(DECODERS[name], seed=20260601, budget_s=_FOR_EVER_S, most=N_INPUTS[name], limit_s=0)
    assert findings.found == {}
    assert findings.n_inputs == N_INPUTS[name]


def decoder(run: Callable[[random.Random], None]) -> Decoder:
    return Decoder("made up", lambda: run, (KeyError,))


def test_a_crash_is_found_and_named_by_the_number_of_its_input() -> None:
    def run(rng: random.Random) -> None:
        if rng.random() < 0.1:
            raise ZeroDivisionError("division by zero")

    (numbers,) = fuzz(decoder(run), 1, _FOR_EVER_S, most=100, limit_s=0).found.values()
    assert 1 <= len(numbers) < 50
    again = fuzz(decoder(run), 1, _FOR_EVER_S, most=100, limit_s=0).found
    assert list(again.values()) == [numbers]


def test_a_wrong_value_is_found_and_a_documented_error_is_not() -> None:
    def run(rng: random.Random) -> None:
        if rng.random() < 0.5:
            raise KeyError("documented")
        hold(False, "7 where 3 is true")

    findings = fuzz(decoder(run), 1, _FOR_EVER_S, most=50, limit_s=0)
    assert list(findings.found) == [next(iter(findings.found))]
    assert "WrongValue: 7 where 3 is true" in next(iter(findings.found))
    assert findings.refused == {"KeyError": findings.n_refused}


def test_an_input_without_end_is_found() -> None:
    def run(rng: random.Random) -> None:
        while True:
            pass

    before = signal.signal(signal.SIGALRM, on_alarm)
    try:
        findings = fuzz(decoder(run), 1, _FOR_EVER_S, most=1, limit_s=0.2)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert next(iter(findings.found)).startswith(Hang.__name__)


def test_mutations_are_the_same_for_the_same_seed_and_change_most_inputs() -> None:
    specimen = bytes(np.arange(200, dtype=np.uint8))
    made = [[mutated(specimen, random.Random(seed)) for seed in range(100)] for _ in range(2)]
    assert made[0] == made[1]
    assert sum(changed != specimen for changed in made[0]) > 80
