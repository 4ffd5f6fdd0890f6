from __future__ import annotations

import importlib.resources
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lab
from lab.errors import USAGE, ProfileError
from lab.profile.keys import profile_sections, toml_value
from lab.profile.profile import default_name, load_profile, parse_profile
from lab.profile.sections import HIGHEST_CEILING_V

ROOT = Path(lab.__file__).parent.parent
SHIPPED = [
    entry.name.removesuffix(".toml")
    for entry in importlib.resources.files("lab.profile").joinpath("profiles").iterdir()
    if entry.name.endswith(".toml")
]


@pytest.fixture(autouse=True)
def own_profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "profiles"
    folder.mkdir()
    monkeypatch.setenv("LAB_PROFILES", str(folder))
    return folder


def refused(text: str) -> str:
    with pytest.raises(ProfileError) as raised:
        parse_profile(text, "mine.toml")
    assert raised.value.exit_code == USAGE
    assert raised.value.hint
    return str(raised.value)


def test_all_problems_of_a_file_are_reported_at_once() -> None:
    message = refused('nmae = "x"\n[supply]\nrun_limit_a = 9\n[tool]\nmin_runs = "many"\n[phone]\nlock = "hot"\n')
    for place in ("name", "nmae", "supply.run_limit_a", "tool.min_runs", "phone.lock"):
        assert f"  {place}: " in message


def test_an_unknown_key_is_named_with_its_nearest_neighbour() -> None:
    message = refused('name = "x"\n[supply]\nvoltage = 4.2\n')
    assert "supply.voltage: unknown key; did you mean 'voltage_v'?" in message


def test_an_unknown_key_like_no_other_is_named_with_all_that_are_known_there() -> None:
    message = refused('name = "x"\n[meter]\nqqq = 1\n')
    assert "known here: kind, serial, port" in message


def test_an_unknown_section_is_named_with_its_nearest_neighbour() -> None:
    assert "did you mean 'gates'?" in refused('name = "x"\n[gate]\nmax_usb_v = 1.0\n')


def test_a_voltage_above_the_ceiling_of_the_profile_is_refused() -> None:
    message = refused('name = "x"\n[supply]\nvoltage_v = 4.3\nceiling_v = 4.25\n')
    assert "voltage_v = 4.3 is not between" in message


def test_a_voltage_below_the_floor_is_refused() -> None:
    assert "floor_v = 3.6" in refused('name = "x"\n[supply]\nvoltage_v = 3.0\n')


@given(st.floats(min_value=HIGHEST_CEILING_V, exclude_min=True, allow_infinity=False))
def test_no_profile_can_raise_the_ceiling_above_what_the_phone_takes(ceiling_v: float) -> None:
    assert "supply.ceiling_v" in refused(f'name = "x"\n[supply]\nceiling_v = {ceiling_v!r}\n')


@given(st.floats(min_value=3.0, max_value=6.0), st.floats(min_value=3.0, max_value=6.0))
def test_a_profile_that_loads_never_asks_for_more_than_4_40_volts(voltage_v: float, ceiling_v: float) -> None:
    text = f'name = "x"\n[supply]\nfloor_v = 3.0\nvoltage_v = {voltage_v!r}\nceiling_v = {ceiling_v!r}\n'
    try:
        supply = parse_profile(text, "x").supply
    except ProfileError:
        assert voltage_v > ceiling_v or ceiling_v > 4.40
    else:
        assert supply.voltage_v <= supply.ceiling_v <= 4.40


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_voltage_that_is_no_number_is_refused(value: str) -> None:
    assert "supply" in refused(f'name = "x"\n[supply]\nvoltage_v = {value}\n')


def test_a_file_that_is_not_toml_is_refused_with_the_line() -> None:
    assert "line 2" in refused('name = "x"\n[supply\n')


@pytest.mark.parametrize("name", SHIPPED)
def test_every_profile_that_ships_loads_under_its_own_name(name: str) -> None:
    assert load_profile(name).name == name


def test_the_simulated_profile_makes_a_simulated_bench_and_its_session_a_seed() -> None:
    settings = load_profile("simulated").bench_settings(session=3)
    assert settings.simulation is not None
    assert settings.simulation.session == 3


def test_a_profile_without_the_simulated_section_is_one_of_real_hardware() -> None:
    assert parse_profile('name = "x"\n', "x").bench_settings(session=0).simulation is None


def test_the_limits_of_the_profile_are_those_of_the_bench() -> None:
    text = 'name = "x"\n[supply]\nvoltage_v = 4.0\nceiling_v = 4.1\nfloor_v = 3.9\nrun_limit_a = 5\n'
    supply = parse_profile(text, "x").bench_settings(session=0).supply
    assert supply.voltage_v == 4.0
    assert (supply.limits.ceiling_v, supply.limits.floor_v, supply.limits.run_limit_a) == (4.1, 3.9, 5.0)


def test_the_simulated_bench_is_the_default_until_there_is_a_profile_of_ones_own(own_profiles: Path) -> None:
    assert load_profile().name == default_name() == "simulated"
    (own_profiles / "bench.toml").write_text('name = "attic"\n')
    assert default_name() == "bench"
    assert load_profile().name == "attic"


def test_a_profile_is_found_by_path_and_its_text_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere.toml"
    path.write_text('# my bench\nname = "elsewhere"\n')
    profile = load_profile(str(path))
    assert profile.text == '# my bench\nname = "elsewhere"\n'
    assert len(profile.sha256) == 64


def test_an_unknown_name_is_answered_with_the_known_ones(own_profiles: Path) -> None:
    (own_profiles / "attic.toml").write_text('name = "attic"\n')
    with pytest.raises(ProfileError, match=r"'atic'.*attic, simulated"):
        load_profile("atic")


def test_every_key_has_a_meaning_and_a_default_that_is_accepted() -> None:
    text = 'name = "x"\n'
    for section, keys in profile_sections().items():
        assert all(key.meaning.endswith(".") for key in keys), section
        lines = [f"{key.name} = {toml_value(key.default)}\n" for key in keys if key.default is not None]
        text += f"[{section}]\n{''.join(lines)}"
    assert parse_profile(text, "all defaults").gates == parse_profile('name = "x"\n', "none").gates


def test_the_reference_page_of_the_profile_is_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "profile_reference.py"))
    written = script["PAGE"].read_text(encoding="utf-8")
    assert written == script["page"](), "run: python scripts/profile_reference.py"
