"""The `search` command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from search import cli
from search.commands import exits
from search.networks.baselines import BASELINES, Baseline
from search.networks.count import count_graph
from search.networks.spaces import AUDIO_2D, TABLE_2

TITLES = {"NAS-Bayesian", *(baseline.title for baseline in BASELINES)}
ORDINALS = {str(n) for n in range(1, 13)}


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
    last = [line.split()[-1] for line in out.splitlines() if line.split()[:1] and line.split()[0] in ORDINALS]
    assert last == [str(n) for n in AUDIO_2D.n_options]


def test_another_space_is_printed_by_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["space", "--space", "audio1d"], monkeypatch) == 0
    assert "audio1d: input 196 x 1 x 40" in capsys.readouterr().out


@pytest.mark.parametrize("baseline", BASELINES, ids=[baseline.name for baseline in BASELINES])
def test_show_prints_a_baseline(
    baseline: Baseline, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["space", "show", baseline.name], monkeypatch) == 0
    out = capsys.readouterr().out
    assert baseline.title in out
    assert f"{count_graph(baseline.graph).total.n_params:,}" in out


def test_survey_prints_the_share_of_small_networks_and_draws_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plot = tmp_path / "survey.png"
    assert run(["space", "survey", "--n", "30", "--plot", str(plot)], monkeypatch) == 0
    out = capsys.readouterr().out
    assert "of 30 networks" in out
    assert "(paper: 0.942)" in out
    assert plot.is_file()


@pytest.mark.parametrize(
    "arguments",
    [
        ["space", "--space", "audio9d"],
        ["space", "survey", "--option", "pool_merge"],
        ["space", "survey", "--option", "pool_merge=never"],
        ["space", "survey", "--n", "3", "--plot", "/nonexistent/plot.png"],
        ["space", "survey", "--n", "3", "--plot", "plot.txt"],
    ],
)
def test_bad_options_end_with_code_2_and_a_hint(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, monkeypatch) == exits.BAD_INPUT
    assert capsys.readouterr().err.splitlines()[-1].startswith("hint: ")


def test_the_papers_networks_are_printed_within_their_bounds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["paper"], monkeypatch) == 0
    out = capsys.readouterr().out
    off: dict[str, list[float]] = {}
    name = ""
    for cells in (line.split() for line in out.splitlines() if line.rstrip().endswith("%")):
        name = cells[0] if cells[0] in TITLES else name
        off.setdefault(name, []).append(abs(float(cells[-1].rstrip("%"))))
    assert set(off) == TITLES
    for title, (flops, n_params, size) in off.items():
        limits = (2.0, 2.0, 2.0) if title == "NAS-Bayesian" else (0.1, 0.1, 0.4)
        assert flops <= limits[0]
        assert n_params <= limits[1]
        assert size <= limits[2]


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
    assert run(["space", "show", text], monkeypatch) == exits.BAD_INPUT
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines()[-1].startswith("hint: ")


def test_a_missing_argument_ends_with_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["space", "show"], monkeypatch) == exits.BAD_INPUT
    assert "ARCH" in capsys.readouterr().err


def test_starting_the_command_imports_nothing_heavy() -> None:
    heavy = "{'numpy', 'flatbuffers', 'ai_edge_litert'}"
    code = f"import sys, search.cli; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
