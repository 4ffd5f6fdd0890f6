"""Reads what `phone_runner.sh` leaves on the phone: its journal, and the outputs and snapshots of each run.

Journal lines: `started T`, `unplugged T`, `chip NAME BUSY T`, `chips NAME T`, `begin N T`, `end N CODE T`,
`left CODE T`; T is the phone's wall clock in seconds. A line that was cut short, or run together with the next, is
left out, and so is a run or a code whose stamps do not rise.
"""

from __future__ import annotations

import io
import re
import tarfile
from itertools import pairwise

from hardware.errors import PhoneFault
from hardware.phone import QueueReport, RunReport, SyncCode

_LOG_LINE = re.compile(r"^\s*(\d+\.\d+)\s+\d+\s+\d+\s+[VDIWEF]\s+tflite\s*: (.*)$")
_MISSING_C = float("nan")


def read_report(device: str, archive: bytes) -> QueueReport:
    """The report of a window.

    Args:
        archive: tar of the runner's folder: `journal` and `out/`.

    Raises:
        PhoneFault: the archive cannot be read, or has no journal.
    """
    files = _unpack(device, archive)
    if "journal" not in files:
        raise PhoneFault(device, "read the journal", "there is none", "Run `lab doctor`; the runner did not start.")
    chips: dict[str, list[tuple[float, bool]]] = {}
    codes: dict[str, SyncCode] = {}
    began: dict[int, float] = {}
    runs: dict[int, RunReport] = {}
    exit_code = None
    for line in files["journal"].decode(errors="replace").splitlines():
        match line.split():
            case ["chip", name, busy, stamp] if busy in ("0", "1") and _is_stamp(stamp):
                chips.setdefault(name, []).append((float(stamp), busy == "1"))
            case ["chips", name, stamp] if _is_stamp(stamp) and name in chips:
                if _rises([*(moment for moment, _ in chips[name]), float(stamp)]):
                    codes[name] = SyncCode(tuple(chips[name]), float(stamp))
            case ["begin", number, stamp] if _is_count(number) and _is_stamp(stamp):
                began[int(number)] = float(stamp)
            case ["end", number, code, stamp] if _is_count(number) and _is_count(code) and _is_stamp(stamp):
                if int(number) in began and _rises([began[int(number)], float(stamp)]):
                    runs[int(number)] = _run(int(number), int(code), began[int(number)], float(stamp), files)
            case ["left", code, stamp] if _is_count(code) and _is_stamp(stamp):
                exit_code = int(code)
            case _:
                continue
    unfinished = max(began.keys() - runs.keys(), default=None)
    return QueueReport(codes, runs, exit_code, unfinished)


def _rises(stamps: list[float]) -> bool:
    """Stamps in the order in which they were taken: where one is garbled, or the clock was set, they are not."""
    return all(before <= after for before, after in pairwise(stamps))


def _is_stamp(text: str) -> bool:
    """A whole stamp: `date +%s.%N` always prints nine decimals, a torn line does not."""
    return re.fullmatch(r"[0-9]{1,12}\.[0-9]{9}", text) is not None


def _is_count(text: str) -> bool:
    return re.fullmatch(r"[0-9]{1,15}", text) is not None


def _unpack(device: str, archive: bytes) -> dict[str, bytes]:
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as packed:
            members = [m for m in packed.getmembers() if m.isfile()]
            return {m.name.removeprefix("./"): _content(packed, m) for m in members}
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise PhoneFault(
            device, "read the results", f"the archive is damaged: {error}", "Run the window again."
        ) from error


def _content(packed: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = packed.extractfile(member)
    return file.read() if file else b""


def _run(number: int, code: int, began_s: float, ended_s: float, files: dict[str, bytes]) -> RunReport:
    def text(ending: str) -> str:
        return files.get(f"out/{number}.{ending}", b"").decode(errors="replace")

    before, after = _residency(text("residency0")), _residency(text("residency1"))
    return RunReport(
        number=number,
        began_s=began_s,
        ended_s=ended_s,
        exit_code=code,
        output=text("txt"),
        log=tuple(_log_lines(text("log"))),
        temp_before_c=_temperature(text("temp0")),
        temp_after_c=_temperature(text("temp1")),
        residency_s={f: round(s - before.get(f, 0.0), 2) for f, s in after.items() if s > before.get(f, 0.0)},
    )


def _temperature(text: str) -> float:
    """Degrees from a thermal zone, which counts thousandths."""
    word = text.strip()
    return int(word) / 1000 if _is_count(word.removeprefix("-")) else _MISSING_C


def _residency(text: str) -> dict[int, float]:
    """cpufreq's time_in_state: kHz and units of 10 ms -> kHz and seconds."""
    pairs = (line.split() for line in text.splitlines())
    return {int(p[0]): int(p[1]) / 100 for p in pairs if len(p) == 2 and _is_count(p[0]) and _is_count(p[1])}


def _log_lines(text: str) -> list[tuple[float, str]]:
    matches = (_LOG_LINE.match(line) for line in text.splitlines())
    return [(float(match[1]), match[2]) for match in matches if match]
