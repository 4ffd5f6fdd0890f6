"""Campaigns and their tasks: created once, whatever is repeated."""

from __future__ import annotations

from dataclasses import replace

import pytest
from db_specimens import a_campaign, a_canary, a_model, a_task, an_architecture

from db.campaigns import add_tasks, ensure_campaign, set_models
from db.database import Database
from db.errors import CampaignMismatch, RecordRefused
from db.queries import list_campaigns, progress
from db.tasks import canaries, peek


def test_a_campaign_comes_back_as_it_was_created(db: Database) -> None:
    row = ensure_campaign(db, a_campaign())
    spec = a_campaign()
    assert all(getattr(row, name) == value for name, value in vars(spec).items())
    assert list_campaigns(db) == [row]


def test_ensuring_a_campaign_twice_makes_one_and_keeps_the_first_values(db: Database) -> None:
    first = ensure_campaign(db, a_campaign())
    assert ensure_campaign(db, replace(a_campaign(), config={"n": 3})) == first
    assert len(list_campaigns(db)) == 1


@pytest.mark.parametrize("change", [{"seed": 8}, {"source": "models"}, {"simulated": False}])
def test_a_campaign_of_the_same_name_that_differs_is_refused(change: dict[str, object], db: Database) -> None:
    ensure_campaign(db, a_campaign())
    with pytest.raises(CampaignMismatch, match=next(iter(change))):
        ensure_campaign(db, replace(a_campaign(), **change))  # type: ignore[arg-type]


def test_adding_tasks_again_adds_only_the_new_ones(db: Database) -> None:
    campaign_id = ensure_campaign(db, a_campaign()).campaign_id
    assert add_tasks(db, campaign_id, [a_task(n) for n in range(3)]) == 3
    assert add_tasks(db, campaign_id, [a_task(n) for n in range(5)] + [a_canary(0)]) == 3
    assert add_tasks(db, campaign_id, [a_task(n) for n in range(5)] + [a_canary(0)]) == 0
    assert [row.ordinal for row in peek(db, campaign_id, 99)] == [0, 1, 2, 3, 4]
    assert [row.model for row in canaries(db, campaign_id)] == [a_model(900_000)]


def test_a_task_that_turned_into_another_architecture_is_refused(db: Database) -> None:
    campaign_id = ensure_campaign(db, a_campaign()).campaign_id
    add_tasks(db, campaign_id, [a_task(0), a_task(1)])
    changed = replace(a_task(1), architecture=an_architecture(77))
    with pytest.raises(CampaignMismatch, match="architecture 1"):
        add_tasks(db, campaign_id, [changed, a_task(2)])
    assert len(peek(db, campaign_id, 99)) == 2


def test_a_file_without_an_architecture_that_has_changed_is_refused(db: Database) -> None:
    campaign_id = ensure_campaign(db, a_campaign()).campaign_id
    add_tasks(db, campaign_id, [a_canary(0)])
    with pytest.raises(CampaignMismatch, match="canary 0"):
        add_tasks(db, campaign_id, [replace(a_canary(0), model=a_model(1))])
    assert [row.model for row in canaries(db, campaign_id)] == [a_model(900_000)]


def test_two_campaigns_share_an_architecture(db: Database) -> None:
    ids = [ensure_campaign(db, a_campaign(name)).campaign_id for name in ("first", "second")]
    for campaign_id in ids:
        add_tasks(db, campaign_id, [a_task(0)])
    assert [peek(db, campaign_id, 1)[0].architecture for campaign_id in ids] == [an_architecture(0)] * 2


def test_fifteen_thousand_tasks_with_their_models_are_added_and_all_are_pending(db: Database) -> None:
    campaign_id = ensure_campaign(db, a_campaign()).campaign_id
    specs = [replace(a_task(n), model=a_model(n)) for n in range(15_000)]
    assert add_tasks(db, campaign_id, specs) == 15_000
    assert add_tasks(db, campaign_id, specs) == 0
    assert progress(db, campaign_id).n_tasks == {"pending": 15_000}
    last = peek(db, campaign_id, 15_000)[-1]
    assert (last.architecture, last.model) == (an_architecture(14_999), a_model(14_999))


def test_a_parameter_named_like_a_result_column_is_refused(db: Database) -> None:
    campaign_id = ensure_campaign(db, a_campaign()).campaign_id
    clashing = replace(an_architecture(0), params={"energy_mj": 3})
    with pytest.raises(RecordRefused, match="energy_mj"):
        add_tasks(db, campaign_id, [replace(a_task(0), architecture=clashing)])


def test_models_are_set_once_built_and_equal_files_are_one(db: Database) -> None:
    campaign_id = ensure_campaign(db, a_campaign()).campaign_id
    add_tasks(db, campaign_id, [a_task(0), a_task(1), a_task(2)])
    tasks = peek(db, campaign_id, 3)
    set_models(db, {tasks[0].task_id: a_model(5), tasks[1].task_id: a_model(5)})
    assert [row.model for row in peek(db, campaign_id, 3)] == [a_model(5), a_model(5), None]


def test_a_model_for_a_task_that_is_not_there_is_refused(db: Database) -> None:
    with pytest.raises(RecordRefused, match="no task 12"):
        set_models(db, {12: a_model(0)})


def test_tasks_for_a_campaign_that_is_not_there_are_refused(db: Database) -> None:
    with pytest.raises(RecordRefused):
        add_tasks(db, 12, [a_task(0)])
