"""Rows of a database as measurements: what may stand in one fit, and what the canaries take out."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from recorded_campaign import measure_window, record_campaign
from sqlalchemy import text

from db.database import Database, open_database
from db.results import FIXED_COLUMNS, ResultRow
from predictor.errors import BadTable, MixedProvenance, NothingMeasured
from predictor.records import Selection, read_visits, session_levels

PARAMS = [{"b01_type": "KxK" if n % 2 else "Identity", "b01_filters": 8 * n} for n in range(40)]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(str(tmp_path / "lab.db")) as opened:
        yield opened


def measured(db: Database, name: str = "first", *, simulated: bool = True, n: int = 40) -> None:
    campaign_id, session_id = record_campaign(db, name, simulated=simulated, params=PARAMS[:n])
    measure_window(db, campaign_id, session_id, [1.0 + i / 100 for i in range(n)])


def change(db: Database, statement: str) -> None:
    with db.write() as tx:
        tx.execute(text(statement))


def test_a_visit_has_the_parameters_and_sizes_of_its_architecture(db: Database) -> None:
    measured(db)
    visits = read_visits(db, Selection())
    rows = visits.rows
    assert rows.features.names == ("b01_type", "b01_filters", "flops", "n_params", "size_bytes")
    assert rows.features.is_categorical("b01_type")
    assert rows.features.columns["flops"][:2].tolist() == [1_000_000, 1_000_001]
    assert rows.values[:3].tolist() == pytest.approx([1.0, 1.01, 1.02])
    assert (rows.target.unit, rows.simulated, rows.n_architectures) == ("mJ", True, 40)
    assert rows.provenance["phone_serial"] == "98AY"
    assert rows.provenance["campaigns"] == ["first"]
    assert visits.texts[0] == "first 0"


def test_visits_of_one_architecture_are_one_group(db: Database) -> None:
    campaign_id, session_id = record_campaign(db, params=PARAMS)
    measure_window(db, campaign_id, session_id, [1.0] * 40, again=True)
    measure_window(db, campaign_id, session_id, [1.1] * 40)
    rows = read_visits(db, Selection()).rows
    assert (rows.n_rows, rows.n_architectures) == (80, 40)


@pytest.mark.parametrize("target", ["latency_ms", "power_w", "dynamic_energy_mj"])
def test_other_columns_can_be_the_target(db: Database, target: str) -> None:
    measured(db)
    rows = read_visits(db, Selection(), target).rows
    assert rows.target.name == target
    assert np.all(rows.values > 0)


def test_an_unknown_target_is_refused(db: Database) -> None:
    measured(db)
    with pytest.raises(BadTable, match="no target colour"):
        read_visits(db, Selection(), "colour")


def test_a_database_with_nothing_accepted_says_so(db: Database) -> None:
    campaign_id, session_id = record_campaign(db, params=PARAMS[:3])
    measure_window(db, campaign_id, session_id, [None] * 3)
    with pytest.raises(NothingMeasured, match="no accepted visit") as caught:
        read_visits(db, Selection())
    assert "lab status" in caught.value.hint


def test_simulated_and_measured_rows_are_never_mixed(db: Database) -> None:
    measured(db)
    measured(db, "real", simulated=False)
    with pytest.raises(MixedProvenance, match=r"simulated: true \(40 visits\), false \(40 visits\)") as caught:
        read_visits(db, Selection())
    assert "--campaign first or --campaign real" in caught.value.hint
    assert "--mix" not in caught.value.hint
    with pytest.raises(MixedProvenance, match="never mixed"):
        read_visits(db, Selection(mixed=("simulated",)))
    assert not read_visits(db, Selection(only={"simulated": "false"})).rows.simulated
    assert read_visits(db, Selection(campaign="first")).rows.simulated


@pytest.mark.parametrize(
    ("condition", "value"), [("clock_freq_khz", "2841600"), ("core", "4"), ("tool_sha256", f"'{'ab' * 32}'")]
)
def test_conditions_are_mixed_only_when_that_is_said(db: Database, condition: str, value: str) -> None:
    measured(db)
    measured(db, "second")
    change(db, f"update bench_session set {condition} = {value} where id = 2")
    with pytest.raises(MixedProvenance, match=condition) as caught:
        read_visits(db, Selection())
    assert f"--mix {condition}" in caught.value.hint
    mixed = read_visits(db, Selection(mixed=(condition,))).rows
    assert mixed.n_rows == 80
    assert mixed.provenance["mixed"] == [condition]
    assert condition not in mixed.provenance


def test_two_phones_are_told_apart_by_the_option_to_type(db: Database) -> None:
    measured(db)
    measured(db, "second")
    change(
        db,
        "insert into phone (id, serial, model, build_fingerprint, simulated) "
        "values (9, 'OTHER', 'Pixel 4 XL', 'google/coral/13', 1)",
    )
    change(db, "update bench_session set phone_id = 9 where id = 2")
    with pytest.raises(MixedProvenance) as caught:
        read_visits(db, Selection())
    assert "--phone 98AY or --phone OTHER" in caught.value.hint
    assert read_visits(db, Selection(only={"phone_serial": "OTHER"})).rows.n_rows == 40


def test_a_hash_may_be_shortened_and_a_wrong_value_is_answered_with_those_there_are(db: Database) -> None:
    measured(db)
    tool = read_visits(db, Selection()).rows.provenance["tool_sha256"]
    assert read_visits(db, Selection(only={"tool_sha256": tool[:8]})).rows.n_rows == 40
    with pytest.raises(NothingMeasured, match="core=3") as caught:
        read_visits(db, Selection(only={"core": "3"}))
    assert "core: 7 (40 visits)" in caught.value.hint
    with pytest.raises(BadTable, match="no condition colour"):
        read_visits(db, Selection(only={"colour": "red"}))


def a_row(session_id: int, arch: str = "x", energy_mj: float = 1.0) -> ResultRow:
    """A row of which only these three matter."""
    others: dict[str, object] = dict.fromkeys(FIXED_COLUMNS)
    known = {"session_id": session_id, "arch_hash": arch, "energy_mj": energy_mj}
    return ResultRow(**others | known, params={})  # type: ignore[arg-type]


ROWS = [a_row(session_id) for session_id in (1, 1, 2)]


def test_the_canaries_tell_how_sessions_differ() -> None:
    canaries = [a_row(s, a, e * g) for s, g in ((1, 1.0), (2, 1.04)) for a, e in (("x", 1.0), ("y", 3.0))]
    first, second = session_levels(ROWS, canaries)
    assert (1 + second.level_frac) / (1 + first.level_frac) == pytest.approx(1.04)
    assert (1 + second.level_frac) * (1 + first.level_frac) == pytest.approx(1.0)
    assert (first.n_visits, second.n_visits) == (2, 1)
    assert first.se_frac == pytest.approx(0, abs=1e-9)


def test_one_session_needs_no_level() -> None:
    assert session_levels(ROWS[:2], []) == ()


@pytest.mark.parametrize("canaries", [[], [a_row(1, "x", 1.0)], [a_row(1, "x", 1.0), a_row(2, "y", 1.0)]])
def test_sessions_that_share_no_canary_are_left_as_they_are(canaries: list[ResultRow]) -> None:
    assert all(np.isnan(level.level_frac) for level in session_levels(ROWS, canaries))
