"""Fuzzing what phones send: adb streams, the benchmark tool's words, the runner's journal."""

from __future__ import annotations

import io
import math
import random
import re
import tarfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import adbutils
from adbutils._adb import AdbConnection

from fuzzing import specimens
from fuzzing.mutations import mutated
from fuzzing.wrong import hold
from hardware.android.adb_link import AdbLink, phone_states
from hardware.android.benchmark_tool import ToolResult, read_output
from hardware.android.runner_journal import read_report
from hardware.clock import RealClock
from hardware.errors import AdbLost, CommandFailed, PhoneFault, PhoneNotFound, PhoneUnauthorised, SeveralPhones

ADB_ERRORS = (AdbLost, CommandFailed, PhoneNotFound, PhoneUnauthorised, SeveralPhones)
JOURNAL_ERRORS = (PhoneFault,)
_SERIAL = "98SIM4XL01"
_TARGET = "/data/local/tmp/lab/window/journal"
_ALLOWED_PIECE = 1 << 26


class _Socket:
    """Says some bytes, whatever it is sent, in pieces of any size; then it is closed."""

    def __init__(self, came: bytes, rng: random.Random) -> None:
        self._came, self._rng, self._at = came, rng, 0

    def settimeout(self, timeout_s: float | None) -> None:
        return None

    def send(self, data: bytes) -> int:
        return len(data)

    def sendall(self, data: bytes) -> None:
        return None

    def recv(self, n_bytes: int) -> bytes:
        n = min(n_bytes, self._rng.choice((1, 7, 4096, 1 << 20)))
        data = self._came[self._at : self._at + n]
        self._at += len(data)
        return data

    def recv_into(self, buffer: Any) -> int:
        data = self.recv(len(buffer))
        memoryview(buffer)[: len(data)] = data
        return len(data)

    def shutdown(self, how: int) -> None:
        raise OSError("nothing to shut down")

    def close(self) -> None:
        return None


class _Connection(AdbConnection):  # type: ignore[misc]
    def __init__(self, socket: _Socket) -> None:
        self._socket = socket
        super().__init__("127.0.0.1", 1)

    def _safe_connect(self) -> Any:
        return self._socket


class _Client(adbutils.AdbClient):  # type: ignore[misc]
    def __init__(self, streams: Iterator[bytes], rng: random.Random) -> None:
        super().__init__("127.0.0.1", 1)
        self._streams, self._rng = streams, rng

    def make_connection(self, timeout: float | None = None) -> AdbConnection:
        return _Connection(_Socket(next(self._streams, b""), self._rng))


def adb_streams() -> Callable[[random.Random], None]:
    """What an adb server answers to listing, a command, a push and a pull."""
    connections = specimens.adb_connections()
    listings = [came for sent, came in connections if b"host:devices" in sent]
    versions = [came for sent, came in connections if b"host:version" in sent]
    shells = [came for sent, came in connections if b"shell,v2:" in sent]
    pulls = [came for sent, came in connections if b"RECV" in sent]
    pushes = [came for sent, came in connections if b"SEND" in sent]
    features = [came for sent, came in connections if b"features" in sent]
    others = [*listings, *versions, *shells, *pulls, *pushes, *features]

    def run(rng: random.Random) -> None:
        what = rng.choice(("list", "shell", "pull", "push"))
        if what == "list":
            phone_states("", 0, client_of([mutated(rng.choice(listings), rng, others)], rng))
            return
        link = AdbLink(RealClock(), _SERIAL, "", 0, client_of([next(came for came in listings if len(came) > 8)], rng))
        streams = _needed(connections, what, rng)
        at = rng.randrange(len(streams))
        cut = rng.random() < 0.3
        whole = streams[at]
        streams[at] = whole[: rng.randrange(len(whole))] if cut else mutated(whole, rng, others)
        link._device._client._streams = iter(streams)
        if what == "shell":
            result = link.run("echo", check=False)
            hold(not (cut and at == len(streams) - 2), "a command whose end never came has a result")
            hold(0 <= result.exit_code <= 255, f"exit code {result.exit_code}")
        elif what == "pull":
            content = link.pull(_TARGET)
            hold(not (cut and at == len(streams) - 2), "a file that was cut short was taken for whole")
            hold(len(content) <= len(streams[0]), "more bytes than came")
        else:
            link.push(b"content" * rng.randrange(1, 20_000), _TARGET)
            hold(not (cut and at == len(streams) - 2), "a push that was never answered was taken for done")

    def client_of(streams: list[bytes], rng: random.Random) -> Callable[..., Any]:
        client = _Client(iter(streams), rng)
        return lambda host, port, socket_timeout: client

    return run


def _needed(connections: list[tuple[bytes, bytes]], what: str, rng: random.Random) -> list[bytes]:
    """The streams of one operation as they were recorded: a command asks for features, and all for the version."""
    mark = {"shell": b"shell,v2:", "pull": b"RECV", "push": b"SEND"}[what]
    features = next(came for sent, came in connections if b"features" in sent)
    version = next(came for sent, came in connections if b"host:version" in sent)
    operation = rng.choice([came for sent, came in connections if mark in sent])
    # adbutils opens the connection before it asks for the version on another one.
    return [features, operation, version] if what == "shell" else [operation, version]


def tool_output() -> Callable[[random.Random], None]:
    """The words of every known build of the tool, from runs that ended well."""
    texts = [text.encode() for text in _tool_texts()]
    expected = [read_output(text.decode(), 0) for text in texts]

    def run(rng: random.Random) -> None:
        at = rng.randrange(len(texts))
        changed = mutated(texts[at], rng, texts).decode(errors="replace")
        code = rng.choice((0, 0, 0, 1, 126, 127, 124, 139, -9))
        result = read_output(changed, code)
        if not isinstance(result, ToolResult):
            return
        hold(code == 0, "a run that failed has a result")
        hold(result.n_runs >= 1, f"{result.n_runs} runs")
        hold(0 < result.latency_ms < math.inf and 0 <= result.latency_sd_ms < math.inf, f"no result: {result}")
        hold(_agrees(changed, result), f"the tool's two statements of its mean do not agree, {result.latency_ms} ms")

    assert all(isinstance(result, ToolResult) for result in expected)
    return run


def _agrees(text: str, result: ToolResult) -> bool:
    """Whether what the last `count=` line says besides is in keeping with the result."""
    lines = [line for line in text.replace("\r", "").split("\n") if re.search(r"\bcount=\d{1,12}\b", line)]
    found = re.findall(r" (avg|min|max)=(\d+(?:\.\d+)?)(?= |$)", lines[-1])
    # A line that says a thing twice says nothing that could be held against the result.
    said = {name: float(value) for name, value in found if lines[-1].count(f"{name}=") == 1}
    mean_us = result.latency_ms * 1e3
    return (
        abs(said.get("avg", mean_us) / mean_us - 1.0) < 0.02 + 2.0 / mean_us
        and said.get("min", mean_us) <= mean_us * 1.02 + 2.0
        and said.get("max", mean_us) >= mean_us * 0.98 - 2.0
    )


def _tool_texts() -> list[str]:
    """Outputs in the archives of recorded sessions, and the same in the words of older builds."""
    found = list[str]()
    for archive in specimens.archives():
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as packed:
            for member in packed.getmembers():
                file = packed.extractfile(member) if member.name.endswith(".txt") else None
                if file is not None:
                    found.append(file.read().decode())
    older = [text.replace("INFO: ", "").replace("Memory footprint delta", "Peak memory footprint") for text in found]
    oldest = [
        text.replace("Inference timings in us: ", "Average inference timings in us: ").replace(
            "Inference (avg): ", "no stats: "
        )
        for text in older
    ]
    return [*found, *older, *oldest]


def journal() -> Callable[[random.Random], None]:
    """Archives with a journal; their headers have checksums, their contents do not."""
    archives = specimens.archives()

    def run(rng: random.Random) -> None:
        archive = rng.choice(archives)
        changed = _with_file(archive, rng, archives) if rng.random() < 0.6 else mutated(archive, rng, archives)
        report = read_report("phone", changed)
        for number, found in report.runs.items():
            hold(number == found.number, "a run under another number")
            hold(found.ended_s >= found.began_s, f"run {number} ends before it begins")
            hold(all(math.isfinite(stamp) for stamp, _ in found.log), "a stamp that is no number")
            hold(all(seconds >= 0 for seconds in found.residency_s.values()), "time at a clock below zero")
        for code in report.codes.values():
            stamps = [stamp for stamp, _ in code.chips] + [code.ended_s]
            hold(all(a <= b for a, b in pairwise(stamps)), "chips of a code out of order")

    return run


def _with_file(archive: bytes, rng: random.Random, others: list[bytes]) -> bytes:
    """The archive with the content of one of its files mutated: what a torn write leaves."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as packed, tarfile.open(fileobj=out, mode="w") as again:
        members = [member for member in packed.getmembers() if member.isfile()]
        chosen = rng.choice([m for m in members if m.name.endswith("journal")] if rng.random() < 0.5 else members)
        for member in members:
            file = packed.extractfile(member)
            content = file.read() if file else b""
            if member is chosen:
                content = mutated(content, rng)
            entry = tarfile.TarInfo(member.name)
            entry.size = len(content)
            again.addfile(entry, io.BytesIO(content))
    return out.getvalue()
