"""Studies in a database, taken up by one process after another."""

from __future__ import annotations

from pathlib import Path

import optuna  # noqa: TID253
import pytest
from engine_specimens import SMALL, Formula, new_study, proposals, run_trials, settings
from optuna.storages import RDBStorage  # noqa: TID253

from search.engine.algorithms import build_sampler
from search.engine.record import TrialCosts, best_trained
from search.engine.stopping.curve_stop import CurveStop
from search.studies.storage import close_storage


def rule() -> CurveStop:
    return CurveStop(1, n_startup=5, refit_growth=1.2)


@pytest.mark.parametrize("name", ["hyperfirefly", "known-penalty"])
def test_a_study_in_a_file_goes_on_in_another_process_as_in_memory(name: str, tmp_path: Path) -> None:
    objective = Formula(SMALL, n_evaluations=8)
    uninterrupted = new_study(build_sampler(name, settings(SMALL, objective)))
    run_trials(uninterrupted, SMALL, objective, 12, rule())
    for _ in range(2):
        storage = RDBStorage(f"sqlite:///{tmp_path}/study.db")
        stored = optuna.create_study(
            study_name="s",
            storage=storage,
            direction="maximize",
            sampler=build_sampler(name, settings(SMALL, objective)),
            load_if_exists=True,
        )
        run_trials(stored, SMALL, objective, 6, rule())
        close_storage(storage)
    assert proposals(stored, SMALL) == proposals(uninterrupted, SMALL)
    assert [trial.values for trial in stored.trials] == [trial.values for trial in uninterrupted.trials]
    best = best_trained(stored)
    close_storage(storage)
    assert best is not None
    assert TrialCosts.read(best).architecture_hash == SMALL.architecture(best.params).architecture_hash
