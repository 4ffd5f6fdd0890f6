"""What the runner leaves on the phone is read as it was written, cut short anywhere, or damaged."""

from __future__ import annotations

import io
import math
import re
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hardware.android
from hardware.android.runner_journal import read_report
from hardware.errors import PhoneFault
from hardware.phone import QueueReport, RunReport, SyncCode

T = 1_767_225_600
BARKER = (True, True, True, False, False, True, False)


def stamp(offset_s: float) -> str:
    return f"{T + offset_s:.9f}"


def code_lines(name: str, begin_s: float) -> list[str]:
    chips = [f"chip {name} {int(busy)} {stamp(begin_s + 0.1 * i)}" for i, busy in enumerate(BARKER)]
    return [*chips, f"chips {name} {stamp(begin_s + 0.7)}"]


JOURNAL = "".join(
    f"{line}\n"
    for line in [
        f"started {stamp(0)}",
        f"unplugged {stamp(1.5)}",
        *code_lines("first", 9.5),
        f"begin 0 {stamp(11)}",
        f"end 0 0 {stamp(14.25)}",
        f"begin 1 {stamp(15)}",
        f"end 1 134 {stamp(15.5)}",
        *code_lines("last", 20),
        f"left 0 {stamp(23)}",
    ]
)

FILES = {
    "out/0.txt": b"INFO: STARTING!\ncount=5 curr=1\n",
    "out/0.log": (
        b"--------- beginning of main\n"
        b"     1767225611.500000  4242  4242 I tflite  : STARTING!\n"
        b"     1767225612.250000  4242  4242 I tflite  : count=5 curr=1\n"
        b"     1767225612.500000  4242  4242 I other   : noise\n"
    ),
    "out/0.temp0": b"31250\n",
    "out/0.temp1": b"-500\n",
    "out/0.residency0": b"1804800 100\n2841600 2000\n",
    "out/0.residency1": b"1804800 100\n2841600 2325\n",
    "out/1.txt": b"Aborted\n",
    "out/1.temp0": b"32000\n",
}


def archive(journal: bytes | None, files: Mapping[str, bytes] = FILES) -> bytes:
    """A tar as the phone makes it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as packed:
        for name, content in {**({} if journal is None else {"journal": journal}), **files}.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def code(begin_s: float) -> SyncCode:
    chips = tuple((float(stamp(begin_s + 0.1 * i)), busy) for i, busy in enumerate(BARKER))
    return SyncCode(chips, float(stamp(begin_s + 0.7)))


def test_a_whole_archive_is_read_as_it_was_written() -> None:
    report = read_report("phone", archive(JOURNAL.encode()))
    assert report.codes == {"first": code(9.5), "last": code(20)}
    assert report.exit_code == 0
    assert list(report.runs) == [0, 1]
    assert report.runs[0] == RunReport(
        number=0,
        began_s=T + 11,
        ended_s=T + 14.25,
        exit_code=0,
        output="INFO: STARTING!\ncount=5 curr=1\n",
        log=((1767225611.5, "STARTING!"), (1767225612.25, "count=5 curr=1")),
        temp_before_c=31.25,
        temp_after_c=-0.5,
        residency_s={2841600: 3.25},
    )


def test_what_a_run_did_not_leave_is_empty_or_not_a_number() -> None:
    run = read_report("phone", archive(JOURNAL.encode())).runs[1]
    assert (run.exit_code, run.output, run.log, run.residency_s) == (134, "Aborted\n", (), {})
    assert run.temp_before_c == 32.0
    assert math.isnan(run.temp_after_c)


def test_without_any_output_the_runs_of_the_journal_are_still_there() -> None:
    report = read_report("phone", archive(JOURNAL.encode(), {}))
    assert [(run.exit_code, run.output) for run in report.runs.values()] == [(0, ""), (134, "")]


def agrees(part: QueueReport, whole: QueueReport) -> None:
    """Nothing in a part of the report may differ from the whole one."""
    for number, run in part.runs.items():
        assert run.began_s == whole.runs[number].began_s
        assert run.ended_s == whole.runs[number].ended_s
        assert run.exit_code == whole.runs[number].exit_code
    for name, found in part.codes.items():
        assert found == whole.codes[name]
    assert part.exit_code in (None, whole.exit_code)


def test_a_journal_that_is_cut_at_any_byte_never_gives_a_wrong_run() -> None:
    text = JOURNAL.encode()
    whole = read_report("phone", archive(text))
    n_runs = []
    for n_bytes in range(len(text) + 1):
        part = read_report("phone", archive(text[:n_bytes], {}))
        agrees(part, whole)
        n_runs.append(len(part.runs))
    assert n_runs == sorted(n_runs)
    assert (n_runs[0], n_runs[-1]) == (0, 2)


def test_a_torn_line_with_the_next_one_on_it_is_left_out() -> None:
    lines = JOURNAL.splitlines(keepends=True)
    torn = lines.index(next(line for line in lines if line.startswith("end 0")))
    whole = read_report("phone", archive(JOURNAL.encode()))
    for n_bytes in range(len(lines[torn])):
        text = "".join([*lines[:torn], lines[torn][:n_bytes], *lines[torn + 1 :]])
        part = read_report("phone", archive(text.encode(), {}))
        assert 0 not in part.runs or n_bytes == len(lines[torn]) - 1
        agrees(part, whole)


@pytest.mark.parametrize("files", [FILES, {}], ids=["with outputs", "alone"])
def test_an_archive_without_a_journal_is_a_fault_that_says_so(files: dict[str, bytes]) -> None:
    with pytest.raises(PhoneFault, match="there is none") as raised:
        read_report("phone", archive(None, files))
    assert raised.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"not a tar", bytes(10240), b"\x1f\x8b\x08" + bytes(100), b"BZh9" + bytes(99)]
)
def test_something_else_than_an_archive_is_a_fault(content: bytes) -> None:
    with pytest.raises(PhoneFault) as raised:
        read_report("phone", content)
    assert raised.value.hint


def test_an_archive_that_is_cut_anywhere_gives_no_wrong_run() -> None:
    content = archive(JOURNAL.encode())
    whole = read_report("phone", content)
    n_faults = 0
    for n_bytes in range(0, len(content), 37):
        try:
            agrees(read_report("phone", content[:n_bytes]), whole)
        except PhoneFault:
            n_faults += 1
    assert n_faults > 0


_LINES = st.lists(
    st.sampled_from(
        ["begin x " + stamp(1), "end 0 abc " + stamp(2), "begin 0 " + stamp(1), "end 0 0 " + stamp(2), "left",
         "left x", "begin " + "9" * 5000 + " " + stamp(1),
         "left 99999999999999999999 1", "chip first 2 " + stamp(0),
         "chips none " + stamp(0), "end \u00b2 0 " + stamp(1),
         "begin \u00b2 " + stamp(1), "end -1 0 " + stamp(1), "\0", "", "chips first " + stamp(3)]
    )
    | st.text(max_size=30),
    max_size=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(lines=_LINES)
def test_no_journal_whatever_raises_anything_but_a_fault(lines: list[str]) -> None:
    text = "\n".join(lines).encode(errors="replace")
    try:
        report = read_report("phone", archive(text, {}))
    except PhoneFault:
        return
    assert all(run.ended_s >= 0 for run in report.runs.values())


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=40),
        st.sampled_from([b"--5", b"\xc2\xb2", b"1 2 3", b"\xc2\xb2 \xc2\xb2", b"5 -1", b"9" * 5000]),
    )
)
def test_no_snapshot_whatever_raises_anything_but_a_fault(content: bytes) -> None:
    endings = ("txt", "log", "temp0", "temp1", "residency0", "residency1")
    report = read_report("phone", archive(JOURNAL.encode(), {f"out/0.{ending}": content for ending in endings}))
    assert set(report.runs) == {0, 1}


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_an_archive_with_flipped_bytes_raises_nothing_but_a_fault(data: st.DataObject) -> None:
    content = bytearray(archive(JOURNAL.encode()))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        report = read_report("phone", bytes(content))
    except PhoneFault:
        return
    assert len(report.runs) <= 2


STUBS = {
    "taskset": 'shift; exec "$@"',
    "fsync": ":",
    "logcat": '[ "$1" = -c ] || echo "     1767225611.500000  42  42 I tflite  : STARTING!"',
    "tool": 'echo "flags $*"; [ "$1" != --graph=models/bad.tflite ] || exit 3',
    "yes": "sleep 5",
}


def test_the_runner_under_a_real_shell_leaves_what_is_read_here(tmp_path: Path) -> None:
    """The same script that the simulated phone interprets, run by this computer's sh with stand-ins for the phone."""
    for name, body in STUBS.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
        (tmp_path / name).chmod(0o755)
    for folder in ("window", "sys/power", "sys/class/power_supply/usb"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sys/class/power_supply/usb/online").write_text("0\n")
    (tmp_path / "skin").write_text("31250\n")
    (tmp_path / "residency").write_text("2841600 2000\n")
    values = {"tool": tmp_path / "tool", "mask": 1, "flags": "'--a --b'", "limit_s": 5, "gap_s": 0, "settle_s": 0}
    values |= {"chip_s": 0.02, "pulse_s": 0.02, "skin": tmp_path / "skin", "max_skin_mc": 36000}
    values["residency"] = tmp_path / "residency"
    (tmp_path / "window/settings").write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    (tmp_path / "window/queue").write_text("0 good.tflite\n1 bad.tflite\n2 good.tflite\n")
    script = (
        Path(hardware.android.__file__).with_name("phone_runner.sh").read_text().replace("/sys/", f"{tmp_path}/sys/")
    )
    (tmp_path / "runner.sh").write_text(script)
    done = subprocess.run(
        ["/bin/sh", str(tmp_path / "runner.sh"), str(tmp_path / "window")],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    files = {f"out/{p.name}": p.read_bytes() for p in (tmp_path / "window/out").iterdir()}
    report = read_report("phone", archive((tmp_path / "window/journal").read_bytes(), files))
    assert [busy for _, busy in report.codes["first"].chips] == list(BARKER)
    assert report.codes["first"].ended_s < report.runs[0].began_s < report.runs[2].ended_s
    assert report.runs[2].ended_s < report.codes["last"].ended_s
    assert [run.exit_code for run in report.runs.values()] == [0, 3, 0]
    assert report.runs[0].output == "flags --graph=models/good.tflite --a --b\n"
    assert report.runs[1].log == ((1767225611.5, "STARTING!"),)
    assert report.runs[0].temp_after_c == 31.25
    assert report.exit_code == 0
    assert re.fullmatch(r"lab\n", (tmp_path / "sys/power/wake_unlock").read_text())


def test_a_run_that_ends_before_it_begins_is_left_out() -> None:
    garbled = JOURNAL.replace(f"end 0 0 {stamp(14.25)}", f"end 0 0 {stamp(4.25)}")
    assert garbled != JOURNAL
    assert set(read_report("phone", archive(garbled.encode())).runs) == {1}


def test_a_code_whose_chips_are_out_of_order_is_left_out() -> None:
    garbled = JOURNAL.replace(f"chip last 1 {stamp(20.1)}", f"chip last 1 {stamp(90.1)}")
    assert garbled != JOURNAL
    assert set(read_report("phone", archive(garbled.encode())).codes) == {"first"}


@pytest.mark.parametrize("content", [b"31250\x1f", b"\x1f31250", b"312\xa050"])
def test_a_temperature_with_control_characters_is_a_temperature_or_none(content: bytes) -> None:
    report = read_report("phone", archive(JOURNAL.encode(), {**FILES, "out/0.temp0": content}))
    assert math.isnan(report.runs[0].temp_before_c) or report.runs[0].temp_before_c == 31.25
