"""What every known build of the benchmark tool prints is read; anything else is never taken for a result."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.android.benchmark_tool import ToolFailure, ToolResult, flag_line, read_output
from hardware.phone import ToolFlags

LITERT = """INFO: STARTING!
INFO: Log parameter values verbosely: [0]
INFO: Graph: [m.tflite]
INFO: Loaded model m.tflite
INFO: Created TensorFlow Lite XNNPACK delegate for CPU.
INFO: The input model file size (MB): 0.149144
INFO: Initialized session in 1.812ms.
INFO: Running benchmark for at least 1 iterations and at least 0.5 seconds but terminate if exceeding 150 seconds.
INFO: count=221 first=1162 curr=919 min=872 max=3176 avg=2262.07 std=155 p5=876 median=889 p95=940

INFO: Running benchmark for at least 50 iterations and at least 1 seconds but terminate if exceeding 150 seconds.
INFO: count=1100 first=903 curr=905 min=871 max=1200 avg=903.467 std=21 p5=880 median=899 p95=930

INFO: Inference timings in us: Init: 5647, First inference: 1162, Warmup (avg): 2262.07, Inference (avg): 903.467
INFO: Memory footprint delta from the start of the tool (MB): init=5.1 overall=13.9
INFO: Overall peak memory footprint (MB) via periodic monitoring: 25.1
"""

TF = LITERT.replace(" p5=876 median=889 p95=940", "").replace(" p5=880 median=899 p95=930", "")

TF23 = TF.replace("INFO: ", "").replace(
    "Memory footprint delta from the start of the tool (MB): init=5.1", "Peak memory footprint (MB): init=5.1"
)

TF1 = """STARTING!
Loaded model m.tflite
resolved reporter
Initialized session in 9.933ms
Running benchmark for at least 1 iterations and at least 0.5 seconds
count=7 first=80110 curr=76000 min=75500 max=80110 avg=76605.9 std=1500

Running benchmark for at least 50 iterations and at least 1 seconds
count=50 first=66000 curr=66700 min=65000 max=69000 avg=66767.6 std=640

Average inference timings in us: Warmup: 76605.9, Init: 9933, no stats: 66767.6
"""

EXPONENT = """INFO: count=1 curr=1400000
INFO: count=20 first=1332000 curr=1332100 min=1331000 max=1334000 avg=1.33209e+06 std=812
INFO: Inference timings in us: Init: 5647, First inference: 1400000, Warmup (avg): 1.4e+06, Inference (avg): 1.33209e+06
"""

ALL_SAME = """INFO: count=20 curr=124
INFO: count=50 curr=123(all same)
"""

ONE = """INFO: count=1 curr=2100000
INFO: count=1 curr=2000000
INFO: Inference timings in us: Init: 5647, First inference: 2100000, Warmup (avg): 2.1e+06, Inference (avg): 2e+06
"""

NO_SUMMARY = LITERT[: LITERT.index("INFO: Inference timings")]

LITERT_MODEL = (
    LITERT[: LITERT.index("INFO: Inference timings")]
    + """INFO: [benchmark_litert_model.h:95] Model initialization: 2.41 ms
INFO: [benchmark_litert_model.h:97] Warmup (avg):         1.45 ms (221 runs)
INFO: [benchmark_litert_model.h:99] Inference (avg):      0.90 ms (1100 runs)
"""
)


@pytest.mark.parametrize(
    ("output", "result"),
    [
        (LITERT, ToolResult(1100, 0.903467, 0.021)),
        (TF, ToolResult(1100, 0.903467, 0.021)),
        (TF23, ToolResult(1100, 0.903467, 0.021)),
        (TF1, ToolResult(50, 66.7676, 0.640)),
        (EXPONENT, ToolResult(20, 1332.09, 0.812)),
        (ALL_SAME, ToolResult(50, 0.123, 0.0)),
        (ONE, ToolResult(1, 2000.0, 0.0)),
        (NO_SUMMARY, ToolResult(1100, 0.903467, 0.021)),
        (LITERT_MODEL, ToolResult(1100, 0.903467, 0.021)),
        (LITERT.replace("\n", "\r\n"), ToolResult(1100, 0.903467, 0.021)),
    ],
    ids=["litert", "tf", "tf23", "tf1", "exponent", "all same", "one", "no summary", "benchmark_litert_model", "crlf"],
)
def test_every_dialect_is_read(output: str, result: ToolResult) -> None:
    found = read_output(output, 0)
    assert isinstance(found, ToolResult)
    assert found.n_runs == result.n_runs
    assert found.latency_ms == pytest.approx(result.latency_ms, rel=1e-9)
    assert found.latency_sd_ms == pytest.approx(result.latency_sd_ms, rel=1e-9)


FAILED = "ERROR: Benchmarking failed.\n"
ERRORS = {
    "no file": ("ERROR: Could not open 'x'.\nERROR: Failed to load model x\n" + FAILED, "Could not open"),
    "no model": ("ERROR: The model is not a valid Flatbuffer buffer\n" + FAILED, "not a valid Flatbuffer"),
    "tensors": ("ERROR: Failed to allocate tensors!\n" + FAILED, "allocate tensors"),
    "fallback": ("ERROR: Disallowed CPU fallback detected.\n" + FAILED, "CPU fallback"),
    "no graph": ("Please specify the name of your input file\nBenchmarking failed.\n", "Benchmarking failed"),
    "says nothing": ("", "it printed nothing"),
    "old build": ("Could not open 'x'.\n", "Could not open"),
}  # fmt: skip


@pytest.mark.parametrize(("output", "reason"), ERRORS.values(), ids=ERRORS.keys())
def test_a_model_that_the_tool_refuses_is_rejected_with_its_words(output: str, reason: str) -> None:
    failure = read_output(output, 1)
    assert isinstance(failure, ToolFailure)
    assert failure.kind == "rejected"
    assert reason in failure.reason


@pytest.mark.parametrize(
    ("exit_code", "output", "kind"),
    [
        (127, "sh: benchmark_model: inaccessible or not found\n", "missing"),
        (126, "sh: benchmark_model: can't execute: Permission denied\n", "missing"),
        (124, LITERT, "timed out"),
        (134, "FATAL: something\nAborted\n", "died"),
        (139, "Segmentation fault\n", "died"),
        (137, "", "died"),
        (255, LITERT, "died"),
    ],
)
def test_how_the_tool_ended_says_what_went_wrong(exit_code: int, output: str, kind: str) -> None:
    failure = read_output(output, exit_code)
    assert isinstance(failure, ToolFailure)
    assert failure.kind == kind
    assert failure.reason


@pytest.mark.parametrize("exit_code", [1, 124, 126, 127, 134, 137, -9])
def test_a_whole_output_with_a_bad_ending_is_no_result(exit_code: int) -> None:
    assert isinstance(read_output(LITERT, exit_code), ToolFailure)


def test_flags_that_this_build_does_not_know_make_its_output_unusable() -> None:
    failure = read_output("WARN: Unconsumed cmdline flags: --warmup_min_secs=0.3 --use_xnnpack=true\n" + LITERT, 0)
    assert isinstance(failure, ToolFailure)
    assert failure.kind == "unreadable"
    assert "--warmup_min_secs=0.3 --use_xnnpack=true" in failure.reason


UNREADABLE = {
    "nothing": "",
    "garbage": "\x00\x7fELF \ufffd\n\n",
    "no inference": "INFO: count=20 curr=5\nINFO: count=0\n",
    "only the warm-up": LITERT[: LITERT.index("INFO: count=1100")],
    "cut in the count": LITERT[: LITERT.index("INFO: count=1100") + len("INFO: count=11")].replace("count=11", "coun"),
    "no figures": "INFO: count=20\nINFO: count=20\n",
    "not a number": "INFO: count=20 curr=5\nINFO: count=20 first=1 curr=nan avg=nan std=0\n",
    "zero": "INFO: count=20 curr=5\nINFO: count=20 curr=0(all same)\n",
    "negative": "INFO: count=20 curr=5\nINFO: count=20 curr=-5\n",
    "endless": "INFO: count=20 curr=5\nINFO: count=20 curr=1e999\n",
    "endless count": "INFO: count=20 curr=5\nINFO: count=" + "9" * 5000 + " curr=5\n",
    "endless litert count": "Inference (avg):      1.40 ms (" + "9" * 5000 + " runs)",
}


@pytest.mark.parametrize("output", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_an_output_without_figures_is_unreadable_and_never_zero(output: str) -> None:
    failure = read_output(output, 0)
    assert isinstance(failure, ToolFailure)
    assert failure.kind == "unreadable"
    assert len(failure.reason) <= 200


_PIECES = st.sampled_from(
    ["count=", "count=50 ", "count=0", "curr=5", "avg=1.5e+06 ", "avg=", "std=3", "INFO: ", "\n", "\r\n", "(all same)",
     "Inference timings in us: ", "Inference (avg): 903.467", "no stats: ", "nan", "inf", "1e999", "-5", "ERROR: ",
     "Unconsumed cmdline flags: ", "\u0665", ","]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(pieces=st.lists(_PIECES | st.text(max_size=8), max_size=25), exit_code=st.integers(-15, 260))
def test_no_text_whatever_raises_or_gives_a_result_without_two_counts(pieces: list[str], exit_code: int) -> None:
    text = "".join(pieces)
    result = read_output(text, exit_code)
    if isinstance(result, ToolResult):
        assert exit_code == 0
        assert len(re.findall(r"count=\d", text)) >= 2
        assert result.n_runs >= 1
        assert 0 < result.latency_ms < float("inf")
        assert 0 <= result.latency_sd_ms < float("inf")


def test_the_flags_are_those_that_every_build_knows() -> None:
    flags = ToolFlags("/data/local/tmp/benchmark_model", 2.0, 20, 30.0, 0.3, False, 60.0)
    assert flag_line(flags).split() == [
        "--num_threads=1",
        "--num_runs=20",
        "--min_secs=2",
        "--max_secs=30",
        "--warmup_runs=1",
        "--warmup_min_secs=0.3",
        "--use_xnnpack=false",
    ]


@pytest.mark.parametrize(
    ("was", "now"),
    [
        ("Inference (avg): 903.467", "Inference (avg): 9030.467"),
        ("Inference (avg): 903.467", "Inference (avg): 903467"),
        ("avg=903.467", "avg=803.467"),
        ("avg=903.467", "avg_=1"),
        ("max=1200 avg", "max=12 avg"),
        ("min=871", "min=8710"),
    ],
)
def test_an_output_that_contradicts_itself_is_no_result(was: str, now: str) -> None:
    assert was in LITERT
    result = read_output(LITERT.replace(was, now), 0)
    assert isinstance(result, ToolFailure)
    assert result.kind == "unreadable"


def test_the_last_inference_is_not_taken_for_the_mean_of_many() -> None:
    torn = NO_SUMMARY.replace("avg=903.467 std=21 p5=880 median=899 p95=930", "")
    assert torn != NO_SUMMARY
    assert isinstance(read_output(torn, 0), ToolFailure)
