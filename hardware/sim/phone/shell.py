"""Runs shell scripts on the simulated phone, in its time.

A script is a generator that yields how long each step takes, so the world can run it beside everything else. The
script that the driver pushes is the script that runs here; the commands it may call are in `phone_commands`.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardware.sim.phone.phone_files import NoSuchFile, PhoneFiles
from hardware.sim.phone.shell_arithmetic import arithmetic
from hardware.sim.phone.shell_syntax import (
    AndOr,
    For,
    Function,
    Group,
    If,
    Loop,
    Node,
    Part,
    Pipeline,
    Redirection,
    Sequence,
    ShellSyntaxError,
    Simple,
    Word,
    parse,
)

Steps = Generator[float, None, int]
Background = Callable[[Steps], None]
_NOT_FOUND, _NOT_EXECUTABLE, _MISUSE = 127, 126, 2
_BLANK = " \t\n"
_EACH_ARGUMENT = Part("variable", "@", True)


class Exit(Exception):
    """The script or the function ends."""

    def __init__(self, code: int, *, only_function: bool = False) -> None:
        self.code = code
        self.only_function = only_function
        super().__init__(code)


class LoopJump(Exception):
    """`break` or `continue`."""

    def __init__(self, leave: bool) -> None:
        self.leave = leave
        super().__init__(leave)


@dataclass(frozen=True)
class Streams:
    """Where a command reads and writes."""

    stdin: InputSource
    stdout: Callable[[bytes], None]
    stderr: Callable[[bytes], None]


class InputSource:
    """Input that is read line by line or whole."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = data
        self._at = 0

    def line(self) -> bytes | None:
        """The next line with its end, which the last one may lack; None when there is none."""
        if self._at >= len(self._data):
            return None
        end = self._data.find(b"\n", self._at)
        end = len(self._data) if end < 0 else end + 1
        line, self._at = self._data[self._at : end], end
        return line

    def rest(self) -> bytes:
        """All that is left."""
        data, self._at = self._data[self._at :], len(self._data)
        return data


Command = Callable[["Shell", list[str], Streams], Steps]


@dataclass
class Shell:
    """One shell process.

    Attributes:
        commands: by name; the phone's programs.
        background: called with a job that is to run detached.
        status: what `$?` says.
        substituted: exit code of the last `$(command)` in the present simple command.
    """

    files: PhoneFiles
    commands: Mapping[str, Command]
    background: Background
    context: Any
    cwd: str = "/"
    variables: dict[str, str] = field(default_factory=dict)
    functions: dict[str, Node] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    status: int = 0
    substituted: int | None = None

    def child(self) -> Shell:
        """A subshell: sees everything, changes nothing of its parent."""
        return Shell(
            self.files,
            self.commands,
            self.background,
            self.context,
            self.cwd,
            dict(self.variables),
            dict(self.functions),
            list(self.arguments),
            self.status,
        )

    def run(self, text: str, streams: Streams) -> Steps:
        """Run a script; the generator's value is its exit code."""
        try:
            program = parse(text)
        except (ShellSyntaxError, ValueError) as error:
            streams.stderr(f"sh: syntax error: {error}\n".encode())
            return _MISUSE
        try:
            return (yield from self._node(program, streams))
        except Exit as ending:
            return ending.code
        except LoopJump:
            return 0
        except ShellSyntaxError as error:
            streams.stderr(f"sh: {error}\n".encode())
            return _MISUSE

    def path(self, name: str) -> str:
        """An absolute path without dots."""
        return posixpath.normpath(posixpath.join(self.cwd, name))

    def _node(self, node: Node, streams: Streams) -> Steps:
        match node:
            case Simple():
                code = yield from self._simple(node, streams)
            case Sequence():
                code = yield from self._sequence(node, streams)
            case AndOr():
                code = yield from self._and_or(node, streams)
            case Pipeline():
                code = yield from self._pipeline(node, streams)
            case If():
                code = yield from self._if(node, streams)
            case Loop():
                code = yield from self._loop(node, streams)
            case For():
                code = yield from self._for(node, streams)
            case Group():
                code = yield from self._group(node, streams)
            case Function():
                self.functions[node.name] = node.body
                code = 0
        self.status = code
        return code

    def _sequence(self, node: Sequence, streams: Streams) -> Steps:
        code = 0
        for item, background in node.items:
            if background:
                shell = self.child()
                silent = Streams(InputSource(), streams.stdout, streams.stderr)
                self.background(shell._contained(item, silent))
                self.variables["!"] = "4242"
                code = 0
            else:
                code = yield from self._node(item, streams)
        return code

    def _contained(self, node: Node, streams: Streams) -> Steps:
        """Run a node of which this whole shell is the process: what ends it ends nobody else."""
        try:
            return (yield from self._node(node, streams))
        except Exit as ending:
            return ending.code
        except LoopJump:
            return 0
        except ShellSyntaxError as error:
            streams.stderr(f"sh: {error}\n".encode())
            return _MISUSE

    def _and_or(self, node: AndOr, streams: Streams) -> Steps:
        code = yield from self._node(node.first, streams)
        for joint, command in node.rest:
            if (code == 0) == (joint == "&&"):
                code = yield from self._node(command, streams)
        return code

    def _pipeline(self, node: Pipeline, streams: Streams) -> Steps:
        source, code = streams.stdin, 0
        for i, command in enumerate(node.commands):
            last = i == len(node.commands) - 1
            between = bytearray()
            stdout = streams.stdout if last else between.extend
            between_streams = Streams(source, stdout, streams.stderr)
            if len(node.commands) == 1:
                code = yield from self._node(command, between_streams)
            else:
                code = yield from self.child()._contained(command, between_streams)
            source = InputSource(bytes(between))
        return int(code == 0) if node.negated else code

    def _if(self, node: If, streams: Streams) -> Steps:
        for condition, body in node.branches:
            if (yield from self._node(condition, streams)) == 0:
                return (yield from self._node(body, streams))
        return (yield from self._node(node.otherwise, streams)) if node.otherwise else 0

    def _loop(self, node: Loop, streams: Streams) -> Steps:
        code = 0
        while ((yield from self._node(node.condition, streams)) != 0) == node.until:
            try:
                code = yield from self._node(node.body, streams)
            except LoopJump as jump:
                code = 0
                if jump.leave:
                    break
        return code

    def _for(self, node: For, streams: Streams) -> Steps:
        code, values = 0, list[str]()
        for word in node.words:
            values += yield from self._expand(word, streams)
        for value in values:
            self.variables[node.name] = value
            try:
                code = yield from self._node(node.body, streams)
            except LoopJump as jump:
                code = 0
                if jump.leave:
                    break
        return code

    def _group(self, node: Group, streams: Streams) -> Steps:
        redirected = yield from self._redirect(node.redirections, streams)
        if redirected is None:
            return 1
        if node.subshell:
            return (yield from self.child()._contained(node.body, redirected))
        return (yield from self._node(node.body, redirected))

    def _simple(self, node: Simple, streams: Streams) -> Steps:
        self.substituted = None
        words: list[str] = []
        for word in node.words:
            words += yield from self._expand(word, streams)
        # Assignments before a command are for that command alone.
        shell = self.child() if words and node.assignments else self
        for name, word in node.assignments:
            shell.variables[name] = " ".join((yield from shell._expand(word, streams, split=False)))
        redirected = yield from self._redirect(node.redirections, streams)
        if redirected is None:
            return 1
        return (yield from shell.call(words, redirected)) if words else self.substituted or 0

    def call(self, words: list[str], streams: Streams) -> Steps:
        """Run one command by name: a function, a command of the phone, or a script file."""
        name, *arguments = words
        if name in self.functions:
            return (yield from self._function(self.functions[name], arguments, streams))
        command = self.commands.get(name.rsplit("/", 1)[-1])
        if (command is None and "/" not in name) or ("/" in name and not self.files.is_file(self.path(name))):
            streams.stderr(f"sh: {name}: inaccessible or not found\n".encode())
            return _NOT_FOUND
        if command is None or ("/" in name and not self.files.is_executable(self.path(name))):
            streams.stderr(f"sh: {name}: can't execute: Permission denied\n".encode())
            return _NOT_EXECUTABLE
        try:
            return (yield from command(self, arguments, streams))
        except (IndexError, ValueError) as error:
            streams.stderr(f"{name}: not understood: {shlex.join(arguments)} ({error})\n".encode())
            return _MISUSE

    def _function(self, body: Node, arguments: list[str], streams: Streams) -> Steps:
        kept, self.arguments = self.arguments, arguments
        try:
            return (yield from self._node(body, streams))
        except Exit as ending:
            if not ending.only_function:
                raise
            return ending.code
        finally:
            self.arguments = kept

    def _redirect(
        self, redirections: tuple[Redirection, ...], streams: Streams
    ) -> Generator[float, None, Streams | None]:
        stdin, outputs = streams.stdin, {1: streams.stdout, 2: streams.stderr}
        for redirection in redirections:
            target = " ".join((yield from self._expand(redirection.target, streams, split=False)))
            if redirection.operator == ">&":
                outputs[redirection.descriptor] = outputs[int(target)]
                continue
            path = self.path(target)
            try:
                if redirection.operator == "<":
                    stdin = InputSource(self.files.read(path))
                    continue
                if redirection.operator == ">":
                    self.files.truncate(path)
                outputs[redirection.descriptor] = self.files.appender(path)
            except (NoSuchFile, OSError) as error:
                streams.stderr(f"sh: can't open {target}: {error}\n".encode())
                return None
        return Streams(stdin, outputs[1], outputs[2])

    def _expand(self, word: Word, streams: Streams, split: bool = True) -> Generator[float, None, list[str]]:
        fields, current, started = list[str](), "", False
        for part in word:
            if part == _EACH_ARGUMENT:
                for i, argument in enumerate(self.arguments):
                    if i:
                        fields.append(current)
                    current, started = (argument if i else current + argument), True
                continue
            value = part.text if part.kind == "text" else (yield from self._value(part, streams))
            if part.quoted or part.kind == "text" or not split:
                current += value
                started = started or part.quoted or bool(value)
                continue
            # A blank ends the field before it; a field goes on in the part that follows.
            for piece in re.findall(rf"[{_BLANK}]+|[^{_BLANK}]+", value):
                if piece[0] not in _BLANK:
                    current, started = current + piece, True
                elif started:
                    fields.append(current)
                    current, started = "", False
        return [*fields, current] if started or not split else fields

    def _value(self, part: Part, streams: Streams) -> Generator[float, None, str]:
        if part.kind == "variable":
            return self._variable(part.text)
        if part.kind == "arithmetic":
            return str(arithmetic(part.text, self._variable))
        output = bytearray()
        shell = self.child()
        self.status = yield from shell.run(part.text, Streams(InputSource(), output.extend, streams.stderr))
        self.substituted = self.status
        return output.decode(errors="replace").rstrip("\n")

    def _variable(self, name: str) -> str:
        if name == "?":
            return str(self.status)
        if name == "$":
            return "4200"
        if name == "#":
            return str(len(self.arguments))
        if name in ("@", "*"):
            return " ".join(self.arguments)
        if name.isdigit():
            position = int(name) - 1
            return self.arguments[position] if 0 <= position < len(self.arguments) else ""
        return self.variables.get(name, "")
