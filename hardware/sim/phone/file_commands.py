"""Commands of the simulated phone that are about files: folders, modes, hashes, archives."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Mapping

from hardware.sim.phone.phone_files import NoSuchFile
from hardware.sim.phone.shell import Command, Shell, Steps, Streams
from hardware.sim.phone.shell_commands import _is_root, quick


def _mkdir(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
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
    yield quick(shell)
    for name in arguments:
        if not name.startswith("-"):
            shell.files.remove(shell.path(name))
    return 0


def _chmod(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
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
    yield quick(shell)
    folder = shell.path(arguments[-1] if arguments else ".")
    if not shell.files.is_folder(folder):
        streams.stderr(f"ls: {folder}: No such file or directory\n".encode())
        return 1
    streams.stdout("".join(f"{name}\n" for name in shell.files.names_in(folder)).encode())
    return 0


def _sha256sum(shell: Shell, arguments: list[str], streams: Streams) -> Steps:
    yield quick(shell)
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
    yield quick(shell) + moved / (10 * phone.constants.timing.push_bytes_per_s)
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


FILE_COMMANDS: Mapping[str, Command] = {
    "mkdir": _mkdir,
    "rm": _rm,
    "chmod": _chmod,
    "ls": _ls,
    "sha256sum": _sha256sum,
    "tar": _tar,
}
"""By name."""
