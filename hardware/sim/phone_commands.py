"""The programs of the simulated phone: what the driver and its script call of toybox and of Android's own."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping

from hardware.sim import benchmark_stand_in
from hardware.sim.phone_files import NoSuchFile
from hardware.sim.shell import Command, Exit, LoopJump, Shell, Steps, Streams
from hardware.sim.tflite_cost import spin_power_w


def _quick(shell: Shell) -> float:
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
    yield _quick(shell)
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
    yield _quick(shell) + float(arguments[0])
    return 0


def _date(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield _quick(shell)
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
    yield _quick(shell)
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
    yield _quick(shell)
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
    yield _quick(shell)
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
    yield _quick(shell)
    shell.context.stop_jobs()
    return 0


def _mkdir(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield _quick(shell)
    for path in (shell.path(name) for name in arguments if name != "-p"):
        new = [folder for folder in _with_parents(path) if not shell.files.is_folder(folder)]
        shell.files.make_folder(path)
        if _is_root(shell):
            for folder in new:
                shell.files.make_private(folder)
    return 0


def _with_parents(path: str) -> list[str]:
    pieces = path.strip("/").split("/")
    return ["/" + "/".join(pieces[: i + 1]) for i in range(len(pieces))]


def _rm(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield _quick(shell)
    for name in arguments:
        if not name.startswith("-"):
            shell.files.remove(shell.path(name))
    return 0


def _chmod(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield _quick(shell)
    path, mode = shell.path(arguments[1]), int(arguments[0], 8)
    if shell.files.is_folder(path):
        shell.files.open_to_all(path) if mode & 0o002 else shell.files.make_private(path)
        return 0
    try:
        shell.files.change_mode(path, mode)
    except NoSuchFile as error:
        streams.stderr(f"chmod: {error}\n".encode())
        return 1
    return 0


def _ls(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield _quick(shell)
    folder = shell.path(arguments[-1] if arguments else ".")
    if not shell.files.is_folder(folder):
        streams.stderr(f"ls: {folder}: No such file or directory\n".encode())
        return 1
    streams.stdout("".join(f"{name}\n" for name in shell.files.names_in(folder)).encode())
    return 0


def _sha256sum(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield _quick(shell)
    code = 0
    for name in _globbed(shell, arguments):
        try:
            digest = hashlib.sha256(shell.files.read(shell.path(name))).hexdigest()
            streams.stdout(f"{digest}  {name}\n".encode())
        except NoSuchFile as error:
            streams.stderr(f"sha256sum: {error}\n".encode())
            code = 1
    return code


def _globbed(shell: Shell, names: list[str]) -> list[str]:
    found = list[str]()
    for name in names:
        folder, _, pattern = name.rpartition("/")
        if pattern.startswith("*"):
            inside = shell.files.names_in(shell.path(folder or "."))
            found += [f"{folder}/{n}" if folder else n for n in inside if n.endswith(pattern[1:])]
        else:
            found.append(name)
    return found


def _tar(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    phone = shell.context
    archive = shell.path(arguments[1])
    try:
        if "x" in arguments[0]:
            moved = yield from _unpack(shell, archive)
        else:
            moved = _pack(shell, archive, arguments[2:])
    except (NoSuchFile, OSError, tarfile.TarError) as error:
        streams.stderr(f"tar: {error}\n".encode())
        return 1
    yield _quick(shell) + moved / (10 * phone.constants.timing.push_bytes_per_s)
    return 0


def _unpack(shell: Shell, archive: str) -> Steps:
    data = shell.files.read(archive)
    with tarfile.open(fileobj=io.BytesIO(data)) as packed:
        for member in packed.getmembers():
            content = packed.extractfile(member)
            path = shell.path(member.name)
            if content is None:
                shell.files.make_folder(path)
            else:
                shell.files.make_folder(path.rsplit("/", 1)[0])
                shell.files.write(path, content.read(), member.mode)
    return len(data)
    yield


def _pack(shell: Shell, archive: str, names: list[str]) -> int:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as packed:
        for name in names:
            path = shell.path(name)
            members = [name]
            if shell.files.is_folder(path):
                members = [f"{name}/{inside}" for inside in shell.files.names_in(path)]
            for member in members:
                content = shell.files.read(shell.path(member))
                entry = tarfile.TarInfo(member)
                entry.size = len(content)
                packed.addfile(entry, io.BytesIO(content))
    shell.files.write(archive, buffer.getvalue())
    return len(buffer.getvalue())


def _getprop(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield _quick(shell)
    phone = shell.context
    constants = phone.constants
    values = {
        "ro.product.model": constants.model,
        "ro.product.device": constants.device,
        "ro.build.fingerprint": constants.fingerprint,
        "ro.serialno": phone.serial,
        "sys.boot_completed": "1",
    }
    values |= {f"init.svc.{name}": state for name, state in phone.services.items()}
    streams.stdout((values.get(arguments[0], "") + "\n").encode())
    return 0


def _service(state: str) -> Command:
    def command(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
        yield _quick(shell)
        phone = shell.context
        for cluster in phone.clusters.values():
            cluster.account()
        if arguments[0] in phone.services:
            phone.services[arguments[0]] = state
        return 0

    return command


def _settings(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield 0.3
    phone = shell.context
    key = " ".join(arguments[1:3])
    if arguments[0] == "get":
        streams.stdout((phone.settings.get(key, "null") + "\n").encode())
    else:
        phone.settings[key] = arguments[3]
        phone.settle_power()
    return 0


def _input(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield 0.4
    phone = shell.context
    if arguments[:1] == ["keyevent"]:
        phone.screen_on = {"223": False, "224": True}.get(arguments[1], phone.screen_on)
        phone.settle_power()
    return 0


def _dumpsys(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield 0.1
    if arguments[:1] == ["power"]:
        state = "Awake" if shell.context.screen_on else "Asleep"
        streams.stdout(f"POWER MANAGER (dumpsys power)\n  mWakefulness={state}\n".encode())
    return 0


def _logcat(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield _quick(shell)
    phone = shell.context
    if "-c" in arguments:
        phone.logcat.clear()
    elif "-d" in arguments:
        streams.stdout("".join(["--------- beginning of main\n", *phone.logcat]).encode())
    return 0


COMMANDS: Mapping[str, Command] = {
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
    "mkdir": _mkdir,
    "rm": _rm,
    "chmod": _chmod,
    "ls": _ls,
    "sha256sum": _sha256sum,
    "tar": _tar,
    "sync": _true,
    "fsync": _true,
    "getprop": _getprop,
    "start": _service("running"),
    "stop": _service("stopped"),
    "settings": _settings,
    "am": _true,
    "input": _input,
    "dumpsys": _dumpsys,
    "logcat": _logcat,
    "benchmark_model": benchmark_stand_in.run,
}
