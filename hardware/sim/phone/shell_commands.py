"""Commands of the simulated phone that are about the shell itself and its processes."""

from __future__ import annotations

from collections.abc import Mapping

from hardware.sim.phone.phone_files import NoSuchFile
from hardware.sim.phone.shell import Command, Exit, LoopJump, Shell, Steps, Streams
from hardware.sim.tflite_cost import spin_power_w


def quick(shell: Shell) -> float:
    """Seconds that a small command takes, at the speed of the core that the shell runs on."""
    return float(shell.context.constants.timing.spawn_s)


def _true(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    return 0
    yield


def _false(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    return 1
    yield


def _echo(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    end = "" if arguments[:1] == ["-n"] else "\n"
    words = arguments[1:] if arguments[:1] == ["-n"] else arguments
    streams.stdout((" ".join(words) + end).encode())
    return 0
    yield


def _cat(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
    if not arguments:
        streams.stdout(streams.stdin.rest())
    code = 0
    for name in arguments:
        try:
            streams.stdout(shell.files.read(shell.path(name)))
        except NoSuchFile as error:
            streams.stderr(f"cat: {error}\n".encode())
            code = 1
    return code


def _sleep(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell) + float(arguments[0])
    return 0


def _date(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
    now_s = shell.context.utc_s
    text = {"+%s.%N": f"{now_s:.9f}", "+%s": str(int(now_s))}.get("".join(arguments))
    if text is None:
        streams.stderr(b"date: format not simulated\n")
        return 1
    streams.stdout(text.encode() + b"\n")
    return 0


def _test(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    words = arguments[:-1] if arguments[-1:] == ["]"] else arguments
    numeric = {
        "-eq": "__eq__",
        "-ne": "__ne__",
        "-lt": "__lt__",
        "-le": "__le__",
        "-gt": "__gt__",
        "-ge": "__ge__",
    }
    try:
        match words:
            case [left, "=", right]:
                holds = left == right
            case [left, "!=", right]:
                holds = left != right
            case [left, comparison, right] if comparison in numeric:
                holds = bool(getattr(int(left), numeric[comparison])(int(right)))
            case ["-n", text]:
                holds = text != ""
            case ["-z", text]:
                holds = text == ""
            case ["-f", name]:
                holds = shell.files.is_file(shell.path(name))
            case ["-x", name]:
                holds = shell.files.is_executable(shell.path(name))
            case ["-d", name]:
                holds = shell.files.is_folder(shell.path(name))
            case [text]:
                holds = text != ""
            case _:
                raise ValueError("not understood")
    except ValueError as error:
        streams.stderr(f"sh: test: {error}\n".encode())
        return 2
    return int(not holds)
    yield


def _read(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    line = streams.stdin.line()
    words = (line or b"").decode().split(None, max(0, len(arguments) - 1))
    for i, name in enumerate(arguments):
        shell.variables[name] = words[i].rstrip() if i < len(words) else ""
    return 0 if line is not None and line.endswith(b"\n") else 1
    yield


def _exit(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    raise Exit(int(arguments[0]) if arguments else shell.status)
    yield


def _return(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    raise Exit(int(arguments[0]) if arguments else shell.status, only_function=True)
    yield


def _break(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    raise LoopJump(leave=True)
    yield


def _continue(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    raise LoopJump(leave=False)
    yield


def _cd(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    path = shell.path(arguments[0])
    if not shell.files.is_folder(path):
        streams.stderr(f"sh: cd: {path}: No such file or directory\n".encode())
        return 1
    shell.cwd = path
    return 0
    yield


def _source(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    return (yield from shell.run(shell.files.read(shell.path(arguments[0])).decode(), streams))


def _sh(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
    child = shell.child()
    child.functions = {}
    if arguments[:1] == ["-c"]:
        child.arguments = arguments[3:]
        return (yield from child.run(arguments[1], streams))
    try:
        text = shell.files.read(shell.path(arguments[0])).decode()
    except NoSuchFile as error:
        streams.stderr(f"sh: {error}\n".encode())
        return 127
    child.arguments = arguments[1:]
    return (yield from child.run(text, streams))


def _prefix(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    """nohup and setsid: the command that follows, detached in the real world."""
    return (yield from shell.call(arguments, streams))


def _su(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    if shell.context.root != "su":
        streams.stderr(b"sh: su: inaccessible or not found\n")
        return 127
    child = shell.child()
    child.variables["UID"] = "0"
    return (yield from child.run(arguments[1], streams))


def _is_root(shell: Shell) -> bool:
    return bool(shell.context.adb_is_root) or shell.variables.get("UID") == "0"


def _id(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    streams.stdout(b"0\n" if _is_root(shell) else b"2000\n")
    return 0
    yield


def _timeout(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    limit_s, elapsed_s = float(arguments[0]), 0.0
    yield quick(shell)
    job = shell.call(arguments[1:], streams)
    while True:
        try:
            duration_s = next(job)
        except StopIteration as ending:
            return int(ending.value)
        if elapsed_s + duration_s > limit_s:
            yield limit_s - elapsed_s
            job.close()
            return 124
        elapsed_s += duration_s
        yield duration_s


def _taskset(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    child = shell.child()
    child.variables["AFFINITY"] = arguments[0]
    yield quick(shell)
    return (yield from child.call(arguments[1:], streams))


def _yes(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    phone = shell.context
    cluster = phone.cluster_of(int(shell.variables.get("AFFINITY", "ff"), 16))
    cluster.account()
    cluster.busy = True
    power_w = spin_power_w(phone.constants, cluster.freq_khz)
    phone.world.set_load("spin", power_w * phone.world.leakage_factor(power_w))
    try:
        while True:
            yield 3600.0
    finally:
        cluster.account()
        cluster.busy = False
        phone.world.set_load("spin", 0.0)
    return 0


def _kill(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
    shell.context.stop_jobs()
    return 0


SHELL_COMMANDS: Mapping[str, Command] = {
    ":": _true,
    "true": _true,
    "false": _false,
    "echo": _echo,
    "cat": _cat,
    "sleep": _sleep,
    "date": _date,
    "[": _test,
    "test": _test,
    "read": _read,
    "exit": _exit,
    "return": _return,
    "break": _break,
    "continue": _continue,
    "cd": _cd,
    ".": _source,
    "sh": _sh,
    "nohup": _prefix,
    "setsid": _prefix,
    "su": _su,
    "id": _id,
    "timeout": _timeout,
    "taskset": _taskset,
    "yes": _yes,
    "kill": _kill,
    "sync": _true,
    "fsync": _true,
    "am": _true,
}
"""By name."""
