"""The simulated phone's shell beside a real one: the same script, the same output, the same exit code."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.sim.constants import pixel4xl
from hardware.sim.phone import shell_syntax
from hardware.sim.phone.phone_commands import COMMANDS
from hardware.sim.phone.phone_files import PhoneFiles
from hardware.sim.phone.shell import InputSource, Shell, Steps, Streams
from hardware.sim.phone.shell_arithmetic import arithmetic
from hardware.sim.phone.shell_syntax import ShellSyntaxError, parse
from hardware.sim.phone.simulated_phone import SimPhone
from hardware.sim.virtual_time import VirtualTime
from hardware.sim.world import World

SCRIPTS = {
    # words and quoting
    "words": "echo one   two\techo three",
    "single quotes": "echo 'a  $x `b` \"c\"'",
    "double quotes": 'x="1  2"; echo "$x" $x "a\\$b" "a\\"b"',
    "adjacent parts": "x=5; echo a'b c'\"d$x\"e$x",
    "backslash": "echo a\\ b \\$x \\; c",
    "continued line": "echo a \\\n b",
    "continued word": "echo a\\\nb",
    "empty words": "x=; echo a '' \"\" $x b",
    "unset": 'echo "[$nothing]" [$nothing]',
    "braces": "x=ab; echo ${x}c",
    "dollar alone": "echo $ a$ '$'",
    "comment": "echo a # b\n# c\necho d#e",
    "assignments": 'a=1 b="$a 2"; echo "$b"',
    "assignment keeps spaces": 'x="a   b"; y=$x; echo "$y"',
    "split with spaces around": 'x=" a b "; echo [$x] "[$x]" p$x',
    "equals later": "echo a=b; x=y=z; echo $x",
    "prefix assignment": "x=1; x=2 echo $x; echo $x",
    # substitution
    "command": 'echo "<$(echo a; echo b)>"',
    "nested command": "echo $(echo $(echo deep) er)",
    "command in quotes": 'echo "$(echo "a  b")"',
    "command status": "x=$(false); echo $?; x=$(true); echo $?",
    "status kept": "false; code=$?; echo $code $?; (exit 9); a=$? b=$?; echo $a $b; > f; echo $?",
    "status in a list of words": "(exit 3); for x in $? $?; do echo $x; done",
    "command exit": "x=$(echo a; exit 3); echo $? $x",
    "trailing newlines": 'x=$(echo; echo a; echo; echo); echo "[$x]"',
    "command with brackets": "echo $(echo ')' \"(\" )",
    "subshell in a command": "x=1; y=$(x=2; echo $x); echo $x $y",
    # arithmetic
    "arithmetic": "echo $((2 + 3 * 4 - 1)) $(( (2+3)*4 ))",
    "variables in arithmetic": "x=7; y=$((x+1)); echo $(($y*x)) $((z + 1))",
    "division goes to zero": "echo $((7/2)) $((-7/2)) $((7 / -2)) $((7%3)) $((-7%3)) $((7 % -3))",
    "comparisons": "echo $((1<2)) $((2<=1)) $((3==3)) $((3!=3)) $((2>1)) $((0 == 1 < 0)) $((1+1 == 2))",
    "unary": "echo $((-3 - -2)) $((- (4)))",
    "counting": "i=0; while [ $i -lt 3 ]; do i=$((i + 1)); echo $i; done",
    "division by zero": "echo $((1/0)); echo not reached",
    "nonsense": "echo $((1 +)); echo not reached",
    # conditions
    "if": "if true; then echo a; else echo b; fi",
    "elif": "for x in 1 2 3; do if [ $x = 1 ]; then echo a; elif [ $x = 2 ]; then echo b; else echo c; fi; done",
    "if without else": "if false; then echo a; fi; echo $?",
    "status in else": "if false; then :; else echo $?; fi",
    "if over lines": "if\ntrue\nthen\necho a\nfi",
    "and or": "true && echo a || echo b; false && echo c || echo d; false || false && echo e; echo $?",
    "not": "! true; echo $?; ! false && echo a; if ! false; then echo b; fi",
    "status": "false; echo $?; echo $?; (exit 7); echo $?",
    "tests": "[ a = a ] && echo 1; [ a != a ] || echo 2; [ -n x ] && echo 3; [ -z '' ] && echo 4",
    "tests of numbers": "[ 2 -gt 10 ] || echo 1; [ 2 -le 10 ] && echo 2; [ 02 -eq 2 ] && echo 3",
    "test of files": "echo x > f; [ -f f ] && echo 1; [ -f g ] || echo 2; test -x f || echo 4",
    "test of a folder": "mkdir d; [ -d d ] && echo 1; [ -d e ] || echo 2; [ -f d ] || echo 3",
    "test with no operand": "x=; [ $x ] || echo empty; [ y ] && echo full",
    "wrong number in a test": "[ a -gt 1 ]; echo $?",
    # loops
    "until": "i=0; until [ $i = 2 ]; do i=$((i+1)); done; echo $i $?",
    "for": "for x in a 'b c' $(echo d e); do echo [$x]; done",
    "for over nothing": "x=; for y in $x; do echo never; done; echo $?",
    "break": "for x in 1 2 3; do if [ $x = 2 ]; then break; fi; echo $x; done; echo $x",
    "continue": "for x in 1 2 3; do if [ $x = 2 ]; then continue; fi; echo $x; done",
    "status after break": "while true; do false; break; done; echo $?",
    "status after a late break": "for x in 1 2; do false; [ $x = 1 ] || break; done; echo $?",
    "loop status": "while false; do :; done; echo $?; i=0; while [ $i = 0 ]; do i=1; false; done; echo $?",
    "loops in loops": "for a in 1 2; do for b in x y; do if [ $b = y ]; then break; fi; echo $a$b; done; done",
    "loop into a file": "for x in 1 2; do echo $x; done > f; cat f",
    "break in a function in a loop": "f() { return 4; }; for x in 1 2; do f || break; done; echo $x",
    # functions
    "function": "f() { echo $# $1 $2; }; f; f a; f 'a b' c; echo $#",
    "all arguments": 'f() { echo "$*"; for x in $*; do echo [$x]; done; }; f a "b c"',
    "each argument": 'f() { for x in "$@"; do echo [$x]; done; echo "<$@>"; }; f a "b c" ""; f',
    "return": "f() { return 5; echo never; }; f; echo $?",
    "return without a number": "f() { false; return; }; f; echo $?",
    "variables of a function are everyone's": "f() { x=2; }; x=1; f; echo $x",
    "function with a redirection": "f() { echo a; } > f.txt; f; echo b; cat f.txt",
    "function calls function": "f() { echo f $1; }; g() { f $1; f 2; echo $1; }; g 1",
    "body on its own line": "f()\n{\n  echo a\n}\nf",
    "name before": "f () { echo ok; }; f",
    # redirections and pipes
    "write and append": "echo a > f; echo b >> f; echo c > g; cat f g",
    "read from a file": "echo a > f; cat < f; read x < f; echo $x",
    "errors apart": "cat missing 2> e; echo $?; [ -n \"$(cat e)\" ] && echo said",
    "errors into the output": 'x=$(cat missing 2>&1); [ -n "$x" ] && echo caught',
    "output into errors": "{ echo a >&2; } 2> f; cat f",
    "both into a file": "{ echo out; echo err >&2; } > f 2>&1; cat f",
    "order of redirections": "{ echo o; echo e >&2; } 2>&1 > g | cat; echo -; cat g",
    "to nothing": "echo a > /dev/null; cat missing 2> /dev/null; echo $?",
    "pipe": "echo 'a b' | cat; echo $?",
    "pipe of three": "echo x | cat | cat",
    "pipe into read": "echo 'a b c' | { read x y; echo $y-$x; }",
    "status of a pipe": "false | true; echo $?; true | false; echo $?; ! true | false; echo $?",
    "pipe does not change the parent": "x=1; echo 2 | { read x; }; echo $x",
    "exit in a pipe": "exit 3 | cat; echo after; echo x | exit 4; echo $?",
    "read loop": "echo '1 a' > q; echo '2 b c' >> q; while read n rest; do echo $n:$rest; done < q",
    "read loop with reading inside": "echo a > q; echo b >> q; while read x; do cat < /dev/null; echo $x; done < q",
    "the body eats the input": "echo a > q; echo b >> q; while read x; do echo $x; cat; done < q",
    "last line without its end": "echo a > q; echo -n b >> q; while read x; do echo $x; done < q; echo $x",
    "empty lines": "echo > q; echo a >> q; while read x; do echo [$x]; done < q",
    "redirection before": "> f echo a; cat f",
    # groups, subshells, ends
    "braces in order": "{ echo a; echo b; } | cat",
    "subshell": "x=1; (x=2; echo $x); echo $x",
    "subshell and folder": "mkdir d; (cd d; echo a > f); cat d/f",
    "exit in a subshell": "(exit 3; echo never); echo $?",
    "exit": "echo a; exit 4; echo b",
    "exit with the last status": "false; exit",
    "exit in a function": "f() { exit 6; }; f; echo never",
    "last status is the script's": "true; false",
    "missing command": "nonesuch 2> /dev/null; echo $?",
    "missing file as command": "./nonesuch 2> /dev/null; echo $?",
    "not executable": "echo x > tool; ./tool 2> /dev/null; echo $?",
    "source": "echo 'x=3; f() { echo in $x; }' > s; . ./s; f",
    "script file": "echo 'echo $# $1; exit 9' > s; sh s 'a b' c; echo $?",
    "sh -c": "sh -c 'echo $1; exit 2' name arg; echo $?",
    "time limit": "timeout 0.05 sleep 5; echo $?; timeout 5 true; echo $?; timeout 5 false; echo $?",
    "semicolons and newlines": "echo a;echo b\n\n\necho c;",
    "reserved words as arguments": "echo if then fi do done { }",
}  # fmt: skip

NOT_UNDERSTOOD = [
    "echo `date`", "echo ${x:-1}", "case a in a) echo;; esac", "cat << END\na\nEND", "echo 'a", 'echo "a',
    "if true; then echo",
    "if true; then fi", "while true; do done", "echo a | ", "echo a && ", "; echo a", "echo a;; echo b", "( echo a",
    "{ echo a; } echo b", "fi", "echo a )", "for in a; do echo; done", "f() ", "echo $(echo", "echo > ", "echo $((1",
]  # fmt: skip


@pytest.fixture
def phone() -> SimPhone:
    phone = SimPhone(World(VirtualTime(), pixel4xl(), (1, 0)))
    phone.files.make_folder("/data/local/tmp/here")
    return phone


def finish(steps: Steps) -> int:
    """Run a process to its end, whatever time it takes."""
    while True:
        try:
            next(steps)
        except StopIteration as ending:
            return int(ending.value)


def simulated(phone: SimPhone, script: str) -> tuple[str, int, str]:
    """stdout, exit code, stderr."""
    out, err = bytearray(), bytearray()
    code = finish(phone.shell(f"cd /data/local/tmp/here\n{script}", out.extend, err.extend))
    return out.decode(), code, err.decode()


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_script_does_what_it_does_in_a_real_shell(phone: SimPhone, script: str, tmp_path: Path) -> None:
    real = subprocess.run(
        ["/bin/sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False
    )
    out, code, err = simulated(phone, script)
    assert (out, code) == (real.stdout, real.returncode), err


@pytest.mark.parametrize("script", NOT_UNDERSTOOD)
def test_what_is_not_understood_is_an_error_and_never_a_guess(phone: SimPhone, script: str) -> None:
    with pytest.raises(ShellSyntaxError):
        parse(script)
    out, code, err = simulated(phone, script)
    assert (out, code) == ("", 2)
    assert "syntax error" in err


@st.composite
def sums(draw: st.DrawFn, depth: int = 2) -> str:
    """An expression of up to four small numbers: nothing in it passes 32 bits."""
    if depth == 0 or draw(st.booleans()):
        return str(draw(st.integers(0, 40)))
    left, right = draw(sums(depth=depth - 1)), draw(sums(depth=depth - 1))
    symbol = draw(st.sampled_from(["+", "-", "*", "/", "%", "<", "<=", "==", "!=", ">", ">="]))
    text = f"{left} {symbol} {right}"
    return draw(st.sampled_from([text, f"({text})", f"-({text})"]))


@settings(max_examples=25, deadline=None)
@given(st.lists(sums(), min_size=20, max_size=20))
def test_arithmetic_is_that_of_a_real_shell(expressions: list[str]) -> None:
    script = "".join(f"(echo $(({text}))) 2> /dev/null || echo wrong\n" for text in expressions)
    real = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, timeout=20, check=True)

    def value(text: str) -> str:
        try:
            return str(arithmetic(text, lambda name: ""))
        except ShellSyntaxError:
            return "wrong"

    assert [value(text) for text in expressions] == real.stdout.split()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2147483647", 2147483647),
        ("2147483647 + 1", -2147483648),
        ("-2147483648 - 1", 2147483647),
        ("2147483647 + 1 > 0", 0),
        ("65536 * 65536", 0),
        ("1767225600 * 10 / 10", 49238681),
    ],
)
def test_arithmetic_wraps_at_every_step_at_32_bits_as_androids_shell(text: str, value: int) -> None:
    assert arithmetic(text, lambda name: "") == value


@settings(max_examples=200, deadline=None)
@given(st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=40))
def test_a_quoted_word_arrives_as_it_was_sent(text: str) -> None:
    out = bytearray()
    shell = Shell(PhoneFiles(), COMMANDS, lambda steps: None, None)
    code = finish(shell.run(f"echo {shlex.quote(text)}", Streams(InputSource(), out.extend, out.extend)))
    assert (out.decode(), code) == (text + "\n" if text != "-n" else "", 0)


def _commands(node: object) -> Iterator[str]:
    """Names of the commands that a program calls, as far as they stand in it in plain words."""
    words = getattr(node, "words", ())
    if words and hasattr(node, "redirections") and all(part.kind == "text" for part in words[0]):
        yield "".join(part.text for part in words[0])
    for value in getattr(node, "__dict__", {}).values():
        yield from _commands_in(value)


def _commands_in(value: object) -> Iterator[str]:
    if isinstance(value, tuple):
        for item in value:
            yield from _commands_in(item)
    elif getattr(value, "kind", "") == "command":
        yield from _commands(parse(value.text))  # type: ignore[attr-defined]
    elif hasattr(value, "__dict__"):
        yield from _commands(value)


RUNNER = Path(shell_syntax.__file__).parents[2] / "android" / "phone_runner.sh"


def test_the_runner_is_sound_for_a_real_shell() -> None:
    done = subprocess.run(["/bin/sh", "-n", str(RUNNER)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_runner_calls_only_what_the_phone_has_and_the_simulation_understands() -> None:
    called = set(_commands(parse(RUNNER.read_text())))
    assert {"echo", "timeout", "logcat", "fsync", "date"} <= called
    own = {"note", "spin", "leave", "sync_code", "snapshot", "wait_until_cool"}
    assert called - own <= set(COMMANDS)
