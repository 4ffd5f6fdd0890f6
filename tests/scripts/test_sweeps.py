"""The long checks in one command: what is done is not done again, and what is interrupted goes on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sweeps
from sweeps import SWEEPS, Ends, Sweep, SweepEnd, left, main, run_all

ROOT = Path(__file__).resolve().parent.parent.parent
THREE = tuple(Sweep(name, ("-c", f"print('this is {name}')"), 1, f"that {name} holds") for name in ("a", "b", "c"))


@pytest.fixture
def ends(tmp_path: Path) -> Ends:
    return Ends(tmp_path / "sweeps" / "done.json")


def answers(ran: list[str], **exit_codes: int) -> Callable[[Sweep], int]:
    """Notes what is run; each ends with 0 unless it says otherwise, and one with -2 by Ctrl-C."""

    def run(sweep: Sweep) -> int:
        ran.append(sweep.name)
        if exit_codes.get(sweep.name) == -2:
            raise KeyboardInterrupt
        return exit_codes.get(sweep.name, 0)

    return run


def names(those: list[Sweep]) -> list[str]:
    return [sweep.name for sweep in those]


def test_each_is_run_in_order_and_none_is_left(ends: Ends) -> None:
    ran: list[str] = []
    assert run_all(THREE, ends, "abc", answers(ran)) == []
    assert ran == ["a", "b", "c"]
    assert left(THREE, ends, "abc") == []


def test_after_an_interruption_it_goes_on_with_the_one_that_was_interrupted(ends: Ends) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_all(THREE, ends, "abc", answers([], b=-2))
    assert names(left(THREE, ends, "abc")) == ["b", "c"]


def test_one_that_fails_does_not_keep_the_others_and_is_left_for_the_next_time(ends: Ends) -> None:
    ran: list[str] = []
    assert run_all(THREE, ends, "abc", answers(ran, a=3)) == ["a"]
    assert ran == ["a", "b", "c"]
    assert names(left(THREE, ends, "abc")) == ["a"]
    assert ends.read()["a"].exit_code == 3
    run_all(left(THREE, ends, "abc"), ends, "abc", answers(ran))
    assert left(THREE, ends, "abc") == []


def test_what_is_done_counts_at_its_commit_alone_and_never_with_changes(ends: Ends) -> None:
    run_all(THREE, ends, "abc", answers([]))
    assert names(left(THREE, ends, "def")) == ["a", "b", "c"]
    assert names(left(THREE, ends, "abc+")) == ["a", "b", "c"]
    run_all(THREE, ends, "abc+", answers([]))
    assert names(left(THREE, ends, "abc+")) == ["a", "b", "c"]


def test_the_end_of_a_sweep_that_is_no_longer_there_is_kept(ends: Ends) -> None:
    ends.keep("gone", SweepEnd("abc", 0, 1.5))
    run_all(THREE[:1], ends, "abc", answers([]))
    assert ends.read() == {"gone": SweepEnd("abc", 0, 1.5), "a": SweepEnd("abc", 0, 0.0)}


def test_the_command_runs_what_is_left_keeps_a_log_of_each_and_says_when_all_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweeps, "this_commit", lambda: "abc")
    failing = Sweep("b", ("-c", "import sys; sys.exit('{folder}')"), 1, "nothing")
    assert main([], (THREE[0], failing), tmp_path) == 1
    assert "Failed: b" in capsys.readouterr().err
    assert (tmp_path / "abc" / "a" / "output.log").read_text() == "this is a\n"
    assert (tmp_path / "abc" / "b" / "output.log").read_text() == f"{tmp_path / 'abc' / 'b'}\n"
    assert main([], THREE[:2], tmp_path) == 0
    said = capsys.readouterr().out
    assert "this is b" in said
    assert "this is a" not in said
    assert main([], THREE[:2], tmp_path) == 0
    assert "All 2 sweeps are done at abc" in capsys.readouterr().out


def test_what_an_interrupted_sweep_left_is_gone_on_with_and_what_one_left_that_has_ended_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Sweep("a", ("-c", "f = open(r'{folder}/cases', 'a'); f.write('x'); f.close()"), 1, "nothing")
    cases = tmp_path / "abc" / "a" / "cases"
    cases.parent.mkdir(parents=True)
    cases.write_text("half")
    monkeypatch.setattr(sweeps, "this_commit", lambda: "abc")
    main([], (counting,), tmp_path)
    assert cases.read_text() == "halfx"
    main(["--only", "a"], (counting,), tmp_path)
    assert cases.read_text() == "x"
    monkeypatch.setattr(sweeps, "this_commit", lambda: "abc+")
    for _ in range(2):
        main([], (counting,), tmp_path)
        assert (tmp_path / "abc+" / "a" / "cases").read_text() == "x"


def test_one_by_its_name_is_run_though_it_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweeps, "this_commit", lambda: "abc")
    for _ in range(2):
        assert main(["--only", "b"], THREE, tmp_path) == 0
        assert "this is b" in capsys.readouterr().out
    main(["--list"], THREE, tmp_path)
    said = capsys.readouterr().out
    assert said.count("left") == 2
    assert "done after 0 min at abc" in said
    with pytest.raises(SystemExit):
        main(["--only", "d"], THREE, tmp_path)


def test_ctrl_c_in_the_middle_ends_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sweeps, "this_commit", lambda: "abc")
    monkeypatch.setattr(sweeps, "run_logged", lambda sweep, folder, resumed: answers([], b=-2)(sweep))
    assert main([], THREE, tmp_path) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert names(left(THREE, Ends(tmp_path / "done.json"), "abc")) == ["b", "c"]


def test_the_sweeps_of_this_project_are_there_and_hold_every_slow_test() -> None:
    assert len({sweep.name for sweep in SWEEPS}) == len(SWEEPS)
    files = {part for sweep in SWEEPS for part in sweep.command if part.endswith(".py")}
    assert all((ROOT / file).is_file() for file in files)
    slow = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "mark." + "slow" in path.read_text(encoding="utf-8")
    }
    assert slow <= files
