"""Lists of segments: published lines are clips, ruined ones are told by their line."""

from __future__ import annotations

from pathlib import Path

import pytest
from audioset_specimens import PETS, POLICE, SPEECH, label, list_text, write_ontology

from search.audio.audioset_lists import Clip, ListRemarks, read_segments
from search.audio.audioset_ontology import read_ontology
from search.audio.classes import CLASS_NAMES
from search.errors import DataBroken

GOOD = f'-T001xAbCdE, 30.000, 40.000, "{label("Bark")},{SPEECH}"'


def clips_of(folder: Path, text: str | bytes, remarks: ListRemarks | None = None) -> list[Clip]:
    write_ontology(folder)
    path = folder / "list.csv"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(read_segments(path, read_ontology(folder / "ontology.json"), remarks or ListRemarks()))


def refused(folder: Path, text: str | bytes) -> DataBroken:
    with pytest.raises(DataBroken) as caught:
        clips_of(folder, text)
    assert caught.value.hint
    assert "list.csv" in caught.value.problem
    assert max(map(len, caught.value.problem.splitlines()[1:]), default=0) <= 80
    return caught.value


BARK = Clip("-T001xAbCdE", 30.0, 40.0, CLASS_NAMES.index("dog_barking"))


@pytest.mark.parametrize(
    "text",
    [
        list_text([("-T001xAbCdE", f"{label('Bark')},{SPEECH}")]),
        list_text([("-T001xAbCdE", f"{label('Bark')}, {SPEECH}")]),
        list_text([("-T001xAbCdE", f"{label('Bark')},{SPEECH}")]).replace("\n", "\r\n"),
        "\ufeff" + list_text([("-T001xAbCdE", label("Bark"))]),
        f'YTID,start_seconds,end_seconds,positive_labels\n-T001xAbCdE,30,40,"{label("Bark")}"\n',
        f'-T001xAbCdE,3E+01,40,"{label("Bark")}",,\n\n,,,,,\n',
        "# one list\n#\n#another\n" + list_text([("-T001xAbCdE", label("Bark"))]) + list_text([]),
        list_text([("-T001xAbCdE", "Speech,Bark")]),
        list_text([("-T001xAbCdE", f"Domestic animals, pets,Bark,{PETS}")]),
    ],
    ids=["published", "blanks", "crlf", "bom", "no-hash", "trailing", "two-lists", "names", "names-with-commas"],
)
def test_a_line_is_the_same_clip_in_every_usual_form(tmp_path: Path, text: str) -> None:
    assert clips_of(tmp_path, text) == [BARK]


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ('#NAME?,30,40,"/m/speech"', "formula"),
        ('#VALUE!,30,40,"/m/speech"', "formula"),
        ('#¿NOMBRE?,"30,0","40,0","/m/speech"', "#¿NOMBRE?"),
        ("#NAME?;30;40;/m/speech", "semicolons"),
        ("#N/A;30,0;40,0;/m/speech", "semicolons"),
        ('1.23457E+10,30,40,"/m/speech"', "1.23457E+10"),
        ('12345678,30,40,"/m/speech"', "no YouTube id"),
        ('2020-03-01 00:00,30,40,"/m/speech"', "2020-03-01"),
        ('01.03.2020,30,40,"/m/speech"', "01.03.2020"),
        ("-T002xAbCdE;30,000;40,000;/m/speech", "semicolons"),
        ("-T002xAbCdE;30;40;/m/speech", "semicolons"),
        ("-T002xAbCdE\t30\t40\t/m/speech", "tabs"),
        ('"-T002xAbCdE, 30.000, 40.000, ""/m/speech"""', "whole line"),
        ("-T002xAbCdE, 30.000, 40.000, /m/speech,/m/pets", "quotes are needed"),
        ('-T002xAbCdE, "30,000", "40,000", "/m/speech"', "no seconds"),
        ('-T002xAbCdE, 00:30, 00:40, "/m/speech"', "no seconds"),
        ('-T002xAbCdE, 40, 30, "/m/speech"', "no segment"),
        ('-T002xAbCdE, nan, 40, "/m/speech"', "no segment"),
        ('-T002xAbCdE, 30, inf, "/m/speech"', "no segment"),
        ('-T002xAbCdE, -1, 9, "/m/speech"', "no segment"),
        ("-T002xAbCdE, 30, 40", "3 of 4"),
        ('-T002xAbCdE, 30, 40, ""', "3 of 4"),
    ],
)
def test_a_ruined_line_is_told_with_its_number_and_never_taken_for_a_comment(
    tmp_path: Path, line: str, word: str
) -> None:
    problem = refused(tmp_path, f"# a comment, of all\n{GOOD}\n{line}\n").problem
    assert "line 3:" in problem
    assert word in problem
    # As the first line too, where comments are.
    assert "line 1:" in refused(tmp_path, f"{line}\n{GOOD}\n").problem


def test_of_many_ruined_lines_the_first_five_and_the_count_are_told(tmp_path: Path) -> None:
    text = "".join(f'#NAME?,30,40,"/m/speech"\n{GOOD}\n' for _ in range(24))
    problem = refused(tmp_path, text).problem
    assert "24 lines" in problem
    assert "line 9:" in problem
    assert "line 11:" not in problem
    assert "19 more" in problem


@pytest.mark.parametrize(
    "labels",
    [
        "/m/nothing",
        "/m/speech,/m/nothing",
        "Bark,Barking mad",
        '""/m/speech""',
        "/m/speech;/m/pets",
        "/M/SPEECH",
        "pets",
    ],
)
def test_an_unknown_label_is_refused_with_label_line_and_file_and_no_negative(tmp_path: Path, labels: str) -> None:
    problem = refused(tmp_path, f'{GOOD}\n-T002xAbCdE, 30.000, 40.000, "{labels}"\n').problem
    assert "line 2:" in problem
    assert "1 label is" in problem


def test_labels_by_display_name_are_counted(tmp_path: Path) -> None:
    remarks = ListRemarks()
    clips_of(tmp_path, list_text([("-T001xAbCdE", "Bark"), ("-T002xAbCdE", SPEECH)]), remarks)
    assert remarks.n_by_name == 1


def test_a_clip_of_two_classes_is_left_out_and_counted(tmp_path: Path) -> None:
    remarks = ListRemarks()
    rows = [("-T001xAbCdE", f"{POLICE},{label('Bark')}"), ("-T002xAbCdE", f"{label('Bark')},{SPEECH}")]
    assert [clip.video for clip in clips_of(tmp_path, list_text(rows), remarks)] == ["-T002xAbCdE"]
    assert remarks.n_ambiguous == 1


@pytest.mark.parametrize(
    ("content", "word"),
    [
        ((GOOD + "\n").encode("utf-16"), "UTF-16"),
        (GOOD.encode() + b"\n\xff\xfe\xfd", "cannot be read"),
        (GOOD.encode() + b'\nx, 30.000, 40.000, "/m/1\n', "line 2"),
        (GOOD.encode() + b"\n-T00\x002xAbCdE, 30, 40, /m/speech\n", "line 2"),
    ],
    ids=["utf-16", "no-text", "open-quote", "nul"],
)
def test_a_file_that_is_no_list_is_refused(tmp_path: Path, content: bytes, word: str) -> None:
    assert word in refused(tmp_path, content).problem
