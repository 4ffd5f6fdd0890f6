"""Parses the part of the POSIX shell language that scripts for the phone use.

Lists, pipelines, `&&` `||` `!` `&`, redirections, `if`, `while`, `until`, `for`, `{ }`, `( )`, functions, quoting,
`$name`, `${name}`, `$(command)`, `$((expression))`. Anything else is a ShellSyntaxError, never a guess.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache


class ShellSyntaxError(Exception):
    """The text is outside the part of the language that is understood."""


@dataclass(frozen=True)
class Part:
    """A piece of a word: kind is "text", "variable", "command" or "arithmetic"."""

    kind: str
    text: str
    quoted: bool


Word = tuple[Part, ...]


@dataclass(frozen=True)
class Redirection:
    """`descriptor` operator target: operators are < > >> and >& (target then is a descriptor's number)."""

    descriptor: int
    operator: str
    target: Word


@dataclass(frozen=True)
class Simple:
    """A simple command: assignments, words, redirections."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True)
class Pipeline:
    """Commands joined by |."""

    commands: tuple[Node, ...]
    negated: bool


@dataclass(frozen=True)
class AndOr:
    """Pipelines joined by && and ||."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Sequence:
    """Commands in order; True beside those that run in the background."""

    items: tuple[tuple[Node, bool], ...]


@dataclass(frozen=True)
class If:
    """if ... then ... else ... fi."""

    branches: tuple[tuple[Node, Node], ...]
    otherwise: Node | None


@dataclass(frozen=True)
class Loop:
    """while or until."""

    condition: Node
    body: Node
    until: bool


@dataclass(frozen=True)
class For:
    """for NAME in WORDS."""

    name: str
    words: tuple[Word, ...]
    body: Node


@dataclass(frozen=True)
class Group:
    """Commands with redirections of their own; a subshell changes nothing of its parent."""

    body: Node
    redirections: tuple[Redirection, ...]
    subshell: bool = False


@dataclass(frozen=True)
class Function:
    """NAME() { ... }."""

    name: str
    body: Node


Node = Simple | Pipeline | AndOr | Sequence | If | Loop | For | Group | Function

_OPERATOR = re.compile(r"&&|\|\||;;|>>|>&|[;&|()<>\n]")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)=")
_RESERVED_END = {"then", "elif", "else", "fi", "do", "done", "}"}


@dataclass(frozen=True)
class _Token:
    kind: str  # "word", "operator", "descriptor" (the 2 of 2>) or "end"
    text: str
    parts: Word = ()


def _matching(text: str, start: int, opening: str, closing: str) -> int:
    """Index just after the bracket that closes the one before `start`; quotes are passed over."""
    depth, i = 1, start
    while i < len(text):
        c = text[i]
        if c == "\\":
            i += 1
        elif c in "'\"":
            i = text.index(c, i + 1) if c in text[i + 1 :] else len(text)
        elif c == opening:
            depth += 1
        elif c == closing:
            depth -= 1
            if depth == 0:
                return i + 1
        i += 1
    raise ShellSyntaxError(f"no {closing} for {opening}")


def _expansion(text: str, i: int, quoted: bool) -> tuple[Part, int]:
    """Read the expansion that begins with the `$` at i."""
    if text.startswith("$((", i):
        end = _matching(text, i + 3, "(", ")")
        if not text.startswith(")", end):
            raise ShellSyntaxError("no )) for $((")
        return Part("arithmetic", text[i + 3 : end - 1], quoted), end + 1
    if text.startswith("$(", i):
        end = _matching(text, i + 2, "(", ")")
        return Part("command", text[i + 2 : end - 1], quoted), end
    if text.startswith("${", i):
        end = text.index("}", i)
        name = text[i + 2 : end]
        if not _NAME.fullmatch(name) and not name.isdigit():
            raise ShellSyntaxError(f"${{{name}}} is not understood")
        return Part("variable", name, quoted), end + 1
    if match := _NAME.match(text, i + 1):
        return Part("variable", match[0], quoted), match.end()
    if i + 1 < len(text) and (text[i + 1].isdigit() or text[i + 1] in "?#@!$*"):
        return Part("variable", text[i + 1], quoted), i + 2
    return Part("text", "$", quoted), i + 1


def _double_quoted(text: str, i: int, parts: list[Part]) -> int:
    run, before = "", len(parts)
    while i < len(text) and text[i] != '"':
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in '$"\\`\n':
            run += text[i + 1]
            i += 2
        elif text[i] == "$":
            if run:
                parts.append(Part("text", run, True))
            part, i = _expansion(text, i, True)
            parts.append(part)
            run = ""
        elif text[i] == "`":
            raise ShellSyntaxError("backquotes are not understood")
        else:
            run += text[i]
            i += 1
    if i >= len(text):
        raise ShellSyntaxError('no closing "')
    if run or len(parts) == before:
        parts.append(Part("text", run, True))
    return i + 1


def _word(text: str, i: int) -> tuple[_Token, int]:
    start, parts = i, list[Part]()
    while i < len(text) and not text[i].isspace() and not _OPERATOR.match(text, i):
        c = text[i]
        if c == "\\":
            if text[i + 1 : i + 2] != "\n":
                parts.append(Part("text", text[i + 1 : i + 2], True))
            i += 2
        elif c == "'":
            end = text.find("'", i + 1)
            if end < 0:
                raise ShellSyntaxError("no closing '")
            parts.append(Part("text", text[i + 1 : end], True))
            i = end + 1
        elif c == '"':
            i = _double_quoted(text, i + 1, parts)
        elif c == "$":
            part, i = _expansion(text, i, False)
            parts.append(part)
        elif c == "`":
            raise ShellSyntaxError("backquotes are not understood")
        else:
            end = i + 1
            while end < len(text) and text[end] not in "\\'\"$`;&|()<>" and not text[end].isspace():
                end += 1
            parts.append(Part("text", text[i:end], False))
            i = end
    return _Token("word", text[start:i], tuple(parts)), i


def _tokens(text: str) -> list[_Token]:
    tokens, i = list[_Token](), 0
    while i < len(text):
        if text[i] == "\\" and text[i + 1 : i + 2] == "\n":
            i += 2
        elif text[i] in " \t\r":
            i += 1
        elif text[i] == "#":
            while i < len(text) and text[i] != "\n":
                i += 1
        elif match := _OPERATOR.match(text, i):
            tokens.append(_Token("operator", match[0]))
            i = match.end()
        else:
            token, i = _word(text, i)
            if token.text in ("0", "1", "2") and text[i : i + 1] in ("<", ">"):
                token = _Token("descriptor", token.text)
            tokens.append(token)
    return [*tokens, _Token("end", "")]


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _is(self, text: str, kind: str = "operator") -> bool:
        return self._next.kind == kind and self._next.text == text

    def _expect(self, text: str, kind: str = "word") -> None:
        if not self._is(text, kind):
            raise ShellSyntaxError(f"expected {text!r}, found {self._next.text!r}")
        self._take()

    def _skip_newlines(self) -> None:
        while self._is("\n"):
            self._take()

    def program(self) -> Sequence:
        sequence = self._sequence()
        if self._next.kind != "end":
            raise ShellSyntaxError(f"unexpected {self._next.text!r}")
        return sequence

    def _sequence(self) -> Sequence:
        items, separated = list[tuple[Node, bool]](), True
        while True:
            self._skip_newlines()
            ends = self._next.kind == "end" or self._is(")")
            if ends or (self._next.kind == "word" and self._next.text in _RESERVED_END):
                return Sequence(tuple(items))
            if not separated:
                raise ShellSyntaxError(f"unexpected {self._next.text!r}")
            node = self._and_or()
            background = self._is("&")
            separated = background or self._is(";") or self._is("\n")
            if separated:
                self._take()
            items.append((node, background))

    def _body(self) -> Sequence:
        sequence = self._sequence()
        if not sequence.items:
            raise ShellSyntaxError(f"unexpected {self._next.text!r}")
        return sequence

    def _and_or(self) -> Node:
        first, rest = self._pipeline(), list[tuple[str, Node]]()
        while self._is("&&") or self._is("||"):
            operator = self._take().text
            self._skip_newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Node:
        negated = self._is("!", "word")
        if negated:
            self._take()
        commands = [self._command()]
        while self._is("|"):
            self._take()
            self._skip_newlines()
            commands.append(self._command())
        return Pipeline(tuple(commands), negated) if negated or len(commands) > 1 else commands[0]

    def _command(self) -> Node:
        token = self._next
        if token.kind == "operator" and token.text == "(":
            self._take()
            body = self._body()
            self._expect(")", "operator")
            return self._redirected(body, subshell=True)
        compound = {
            "if": self._if,
            "while": self._while,
            "until": self._while,
            "for": self._for,
            "{": self._braces,
        }
        if token.kind == "word" and token.text in compound:
            return self._redirected(compound[token.text]())
        return self._simple()

    def _redirected(self, body: Node, subshell: bool = False) -> Node:
        redirections = list[Redirection]()
        while found := self._redirection():
            redirections.append(found)
        return Group(body, tuple(redirections), subshell) if redirections or subshell else body

    def _if(self) -> Node:
        branches, otherwise = list[tuple[Node, Node]](), None
        self._take()
        while True:
            condition = self._body()
            self._expect("then")
            branches.append((condition, self._body()))
            ending = self._take().text
            if ending == "else":
                otherwise = self._body()
                ending = self._take().text
            if ending == "fi":
                return If(tuple(branches), otherwise)
            if ending != "elif":
                raise ShellSyntaxError(f"expected fi, found {ending!r}")

    def _while(self) -> Node:
        until = self._take().text == "until"
        condition = self._body()
        self._expect("do")
        body = self._body()
        self._expect("done")
        return Loop(condition, body, until)

    def _for(self) -> Node:
        self._take()
        name = self._take().text
        self._expect("in")
        words = list[Word]()
        while self._next.kind == "word":
            words.append(self._take().parts)
        while self._is(";") or self._is("\n"):
            self._take()
        self._expect("do")
        body = self._body()
        self._expect("done")
        return For(name, tuple(words), body)

    def _braces(self) -> Node:
        self._take()
        body = self._body()
        self._expect("}")
        return body

    def _redirection(self) -> Redirection | None:
        descriptor = int(self._take().text) if self._next.kind == "descriptor" else None
        if self._next.kind != "operator" or self._next.text not in {"<", ">", ">>", ">&"}:
            return None
        operator = self._take().text
        target = self._take()
        if target.kind != "word":
            raise ShellSyntaxError(f"no target for {operator}")
        return Redirection(descriptor if descriptor is not None else int(operator != "<"), operator, target.parts)

    def _simple(self) -> Node:
        assignments, words, redirections = (
            list[tuple[str, Word]](),
            list[Word](),
            list[Redirection](),
        )
        while True:
            if found := self._redirection():
                redirections.append(found)
                continue
            token = self._next
            if token.kind != "word":
                break
            self._take()
            match = _ASSIGNMENT.match(token.text)
            if match and not words:
                assignments.append((match[1], _without_prefix(token.parts, len(match[0]))))
            else:
                words.append(token.parts)
                if len(words) == 1 and self._is("(") and _NAME.fullmatch(token.text):
                    return self._function(token.text)
        if not (assignments or words or redirections):
            raise ShellSyntaxError(f"unexpected {self._next.text!r}")
        return Simple(tuple(assignments), tuple(words), tuple(redirections))

    def _function(self, name: str) -> Node:
        self._expect("(", "operator")
        self._expect(")", "operator")
        self._skip_newlines()
        return Function(name, self._command())


def _without_prefix(parts: Word, length: int) -> Word:
    first = parts[0]
    return (Part(first.kind, first.text[length:], first.quoted), *parts[1:])


@lru_cache(maxsize=512)
def parse(text: str) -> Sequence:
    """The program that `text` is.

    Raises:
        ShellSyntaxError: it is not in the part of the language that is understood.
    """
    return _Parser(text).program()
