"""One suite of what a client does over adb, run unchanged against every kind of server and phone.

Each step says in a line what came of it, without anything that has to differ (times, serial numbers, paths of a
system). `benchmarks/conformance.py` lays the lines of several servers side by side; a test does the same.
"""

from __future__ import annotations

import hashlib
import random
import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hardware.android.adb_link import AdbLink, phone_states
from hardware.errors import AdbLost, HardwareError

PLACE = "/data/local/tmp/conformance"
HOSTILE_NAMES = ("a b", "semi;colon", "$(touch x)", "`id`", "quote'd", 'dou"ble', "-rf", "new\nline", "*", "ünï")
_BIG_BYTES = 3_000_000
_WAIT_S = 25.0


@dataclass(frozen=True)
class Surroundings:
    """What a step may use.

    Attributes:
        link: the driver's own, to the phone.
        host, port: of the adb server.
        unplug, plug: take the phone off adb and put it back; None where that cannot be done.
    """

    link: AdbLink
    host: str
    port: int
    unplug: Callable[[], None] | None
    plug: Callable[[], None] | None


Step = Callable[[Surroundings], str]


def run_suite(surroundings: Surroundings) -> dict[str, str]:
    """What came of each step, by its name; an error is an outcome too, by its class."""
    surroundings.link.run(f"rm -rf {PLACE}; mkdir -p {PLACE}")
    outcomes = {}
    for name, step in STEPS.items():
        try:
            outcomes[name] = step(surroundings)
        except HardwareError as error:
            outcomes[name] = f"{type(error).__name__}"
    return outcomes


def _said(command: str) -> Step:
    """What a command prints on both channels, and its exit code."""

    def step(of: Surroundings) -> str:
        result = of.link.run(command, check=False)
        return f"{result.stdout!r} {result.stderr!r} {result.exit_code}"

    return step


def _code_only(command: str) -> Step:
    """The exit code of a command, and on which channels it says something: words differ between shells."""

    def step(of: Surroundings) -> str:
        result = of.link.run(command, check=False)
        return f"out {bool(result.stdout)}, err {bool(result.stderr)}, code {result.exit_code}"

    return step


def _pushed(n_bytes: int) -> Step:
    """A file there and back."""

    def step(of: Surroundings) -> str:
        content = random.Random(n_bytes).randbytes(n_bytes)
        of.link.push(content, f"{PLACE}/file")
        on_phone = of.link.run(f"sha256sum {PLACE}/file").stdout.split()[0]
        back = of.link.pull(f"{PLACE}/file")
        same = on_phone == hashlib.sha256(content).hexdigest() and back == content
        return f"{n_bytes} bytes, {'the same' if same else 'CHANGED'}"

    return step


def _mode(of: Surroundings) -> str:
    of.link.push(b"#!/bin/sh\necho ran\n", f"{PLACE}/script", mode=0o755)
    return of.link.run(f"test -x {PLACE}/script && echo executable", check=False).stdout


def _overwritten(of: Surroundings) -> str:
    of.link.push(b"a longer text", f"{PLACE}/over")
    of.link.push(b"short", f"{PLACE}/over")
    return of.link.pull(f"{PLACE}/over").decode()


def _pushed_nowhere(of: Surroundings) -> str:
    of.link.push(b"x", "/proc/no/such/folder/file")
    return "taken"


def _pulled_nothing(of: Surroundings) -> str:
    return repr(of.link.pull(f"{PLACE}/no-such-file"))


def _archive(of: Surroundings) -> str:
    folder = f"{PLACE}/packed"
    of.link.run(f"mkdir -p {folder} && echo one > {folder}/a && echo two > {folder}/b")
    of.link.run(f"cd {PLACE} && tar -cf all.tar packed && rm -rf packed && tar -xf all.tar")
    return of.link.run(f"cat {folder}/a {folder}/b").stdout


def _hostile(of: Surroundings) -> str:
    """Names that would do something if a shell saw them unquoted."""
    for name in HOSTILE_NAMES:
        text = of.link.run(f"echo {shlex.quote(name)}").stdout
        if text != name + "\n":
            return f"{name!r} became {text!r}"
    return f"{len(HOSTILE_NAMES)} names came back as they were"


def _detached(of: Surroundings) -> str:
    """A job that was started as the queue is goes on when its shell has returned."""
    of.link.run(f"setsid nohup sh -c 'sleep 1; echo alive > {PLACE}/job' < /dev/null > /dev/null 2>&1 & sleep 0.5")
    of.link.clock.sleep(1.5)
    return of.link.run(f"cat {PLACE}/job", check=False).stdout


def _listed(of: Surroundings) -> str:
    return phone_states(of.host, of.port).get(of.link.serial, "not listed")


def _other_serial(of: Surroundings) -> str:
    AdbLink(of.link.clock, "NO-SUCH-PHONE", of.host, of.port)
    return "found"


def _clock(of: Surroundings) -> str:
    words = of.link.run("date +%s.%N").stdout.strip().split(".")
    return f"{len(words)} parts, {len(words[1])} decimals"


def _many(of: Surroundings) -> str:
    return str(sum(int(of.link.run(f"echo {n}").stdout) for n in range(30)))


@contextmanager
def _away(of: Surroundings) -> Iterator[bool]:
    """The phone off adb for the block; False where that cannot be done here."""
    if of.unplug is None or of.plug is None:
        yield False
        return
    of.unplug()
    try:
        of.link.wait_gone(_WAIT_S)
        yield True
    finally:
        of.plug()
        of.link.wait_back(_WAIT_S)


def _gone(of: Surroundings) -> str:
    with _away(of) as away:
        return f"left: {of.link.state() != 'device'}" if away else "cannot be tried"


def _run_while_away(of: Surroundings) -> str:
    with _away(of) as away:
        return of.link.run("echo here").stdout if away else "cannot be tried"


def _push_while_away(of: Surroundings) -> str:
    with _away(of) as away:
        if not away:
            return "cannot be tried"
        of.link.push(b"x", f"{PLACE}/away")
        return "taken"


def _cut_off(of: Surroundings) -> str:
    """A command that runs as the phone goes is lost, not cut short without a word."""
    if of.unplug is None or of.plug is None:
        return "cannot be tried"
    command = "echo begun; sleep 4; echo ended"
    try:
        _later(of.unplug)
        text = of.link.run(command, check=False).stdout
        return f"ended with {text!r}"
    except AdbLost:
        return "AdbLost"
    finally:
        of.plug()
        of.link.wait_back(_WAIT_S)


def _later(action: Callable[[], None]) -> None:
    import threading

    timer = threading.Timer(1.0, action)
    timer.daemon = True
    timer.start()


def _after_all(of: Surroundings) -> str:
    of.link.reconnect()
    of.link.wait_back(_WAIT_S)
    return of.link.run("echo still here").stdout


STEPS: dict[str, Step] = {
    "listed": _listed,
    "unknown serial": _other_serial,
    "stdout": _said("echo hello"),
    "stderr": _said("echo oops >&2"),
    "both channels": _said("echo one; echo two >&2; echo three"),
    "exit code 0": _said("true"),
    "exit code 1": _said("false"),
    "exit code 7": _said("exit 7"),
    "exit code in a list": _said("false; echo after"),
    "no such command": _code_only("no_such_command_here"),
    "no such file": _code_only("cat /no/such/file"),
    "not executable": _code_only(f"echo x > {PLACE}/plain; {PLACE}/plain"),
    "and, or": _said("true && echo yes || echo no"),
    "variables": _said("x=3; y=$((x * 4)); echo $y"),
    "loop": _said("for i in 1 2 3; do echo $i; done"),
    "while": _said("n=0; while [ $n -lt 3 ]; do n=$((n + 1)); done; echo $n"),
    "substitution": _said('echo "$(echo in)side"'),
    "quotes": _said("""echo 'single $x' "double" plain"""),
    "redirect": _said(f"echo text > {PLACE}/r; cat < {PLACE}/r"),
    "append": _said(f"echo a > {PLACE}/r; echo b >> {PLACE}/r; cat {PLACE}/r"),
    "read from file": _said(f"echo 'x y' > {PLACE}/q; while read a b; do echo $b$a; done < {PLACE}/q"),
    "timeout kills": _said("timeout 0.5 sleep 5; echo $?"),
    "timeout passes": _said("timeout 5 true; echo $?"),
    "no output": _said(":"),
    "long line": _said(f"x={'y' * 3000}; echo $x"),
    "clock": _clock,
    "mode": _mode,
    "1 byte": _pushed(1),
    "65,536 bytes": _pushed(65536),
    "65,537 bytes": _pushed(65537),
    "3 MB": _pushed(_BIG_BYTES),
    "overwritten": _overwritten,
    "push to no folder": _pushed_nowhere,
    "pull no file": _pulled_nothing,
    "archive": _archive,
    "hostile names": _hostile,
    "thirty commands": _many,
    "detached job": _detached,
    "phone leaves": _gone,
    "command while away": _run_while_away,
    "push while away": _push_while_away,
    "command cut off": _cut_off,
    "reconnect": _after_all,
}
