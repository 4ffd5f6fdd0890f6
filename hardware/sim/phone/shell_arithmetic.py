"""Arithmetic of the simulated phone's shell: what stands between `$((` and `))`.

Android's shell computes in 32 bits; a script that forgets it must fail here too.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable

from hardware.sim.phone.shell_syntax import ShellSyntaxError

_TOKEN = re.compile(r"\s*(?:(\d+)|\$?([A-Za-z_]\w*)|(<=|>=|==|!=|[-+*/%()<>]))\s*")
_LEVELS: tuple[dict[str, Callable[[int, int], int]], ...] = (
    {"==": operator.eq, "!=": operator.ne},
    {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge},
    {"+": operator.add, "-": operator.sub},
    {"*": operator.mul, "/": lambda a, b: int(a / b), "%": lambda a, b: int(math.fmod(a, b))},
)


def arithmetic(text: str, variable: Callable[[str], str]) -> int:
    """The value of `$(( text ))`, in 32 bits at every step as Android's shell computes it.

    Raises:
        ShellSyntaxError: it is not understood, or divides by zero.
    """
    tokens, at = list[str](), 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ShellSyntaxError(f"arithmetic: {text!r}")
        tokens.append(match[1] or (variable(match[2]) or "0" if match[2] else match[3]))
        at = match.end()
    try:
        value = _level(0, tokens)
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise ShellSyntaxError(f"arithmetic: {text!r}: {error}") from error
    if tokens:
        raise ShellSyntaxError(f"arithmetic: {text!r}: unexpected {tokens[0]!r}")
    return value


def _level(depth: int, tokens: list[str]) -> int:
    """Take what operators of this and tighter levels join from the front of `tokens`."""
    if depth == len(_LEVELS):
        return _atom(tokens)
    value = _level(depth + 1, tokens)
    while tokens and tokens[0] in _LEVELS[depth]:
        symbol = tokens.pop(0)
        value = _wrapped(int(_LEVELS[depth][symbol](value, _level(depth + 1, tokens))))
    return value


def _atom(tokens: list[str]) -> int:
    token = tokens.pop(0)
    if token in ("-", "+"):
        value = _atom(tokens)
        return _wrapped(-value) if token == "-" else value
    if token != "(":
        return _wrapped(int(token))
    value = _level(0, tokens)
    if tokens.pop(0) != ")":
        raise ValueError("no )")
    return value


def _wrapped(value: int) -> int:
    return (value + 2**31) % 2**32 - 2**31
