"""The `search` command."""

from __future__ import annotations

import subprocess
import sys

import pytest

from search import cli
from search.spaces import AUDIO_2D, TABLE_2


def run(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(sys, "argv", ["search", *arguments])
    monkeypatch.setenv("COLUMNS", "100")
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return int(caught.value.code or 0)


def test_space_prints_every_block_and_the_size(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["space"], monkeypatch) == 0
    out = capsys.readouterr().out
    assert f"{AUDIO_2D.size:,} networks" in out
    rows = [line for line in out.splitlines() if line.startswith("│") and line.split("│")[1].strip()]
    assert [line.split("│")[-2].strip() for line in rows] == [str(n) for n in AUDIO_2D.n_options]


@pytest.mark.parametrize("name", ["table2", TABLE_2.text])
def test_show_prints_a_network_block_by_block(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["space", "show", name], monkeypatch) == 0
    out = capsys.readouterr().out
    assert "MobileNetV2-Avg-Pool" in out
    assert "12,291,593" in out
    assert "24,025" in out
    assert TABLE_2.architecture_hash in out


@pytest.mark.parametrize("text", ["audio2d,KxK", "audio9d,KxK:5:8", TABLE_2.text.replace("KxK:5", "KxK:9")])
def test_a_bad_network_ends_with_code_2_and_a_hint_on_stderr(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["space", "show", text], monkeypatch) == cli.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("hint: ")


def test_a_missing_argument_ends_with_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["space", "show"], monkeypatch) == cli.BAD_INPUT
    assert "ARCH" in capsys.readouterr().err


def test_starting_the_command_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'flatbuffers', 'ai_edge_litert'}"
    code = f"import sys, search.cli; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
