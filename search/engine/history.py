"""The trials of a study as arrays, for samplers: what has a reward, what is taken, what must be beaten."""

from __future__ import annotations

import math
from collections.abc import Set
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, TrialState  # noqa: TID253

from search.engine.encoding import Codes, Encoding, key
from search.engine.record import FAILURE, PREDICTED_SD, penalty_of, stopped
from search.errors import OutsideSpace

Row = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class StudyHistory:
    """The state of a study, by trial number.

    Attributes:
        trials: with a reward, stopped ones among them: n.
        codes: their architectures, (n, n_positions).
        rewards: their (first) values, (n,); predictions where `stopped`.
        penalties: what was known to be taken from the accuracy, (n,).
        predicted_sds: of the predictions, (n,); 0 where trained.
        stopped: (n,).
        unfinished: trials that run, without the one being proposed for.
        taken: architectures that finished, run, or could not be evaluated.
    """

    trials: tuple[FrozenTrial, ...]
    codes: Codes
    rewards: NDArray[np.float64]
    penalties: NDArray[np.float64]
    predicted_sds: NDArray[np.float64]
    stopped: NDArray[np.bool_]
    unfinished: tuple[FrozenTrial, ...]
    taken: Set[Row]

    def __len__(self) -> int:
        return len(self.trials)

    @property
    def incumbent(self) -> float:
        """The best reward of a trained trial; minus infinity before there is one."""
        return float(self.rewards[~self.stopped].max(initial=-math.inf))


@dataclass(frozen=True, slots=True)
class _Finished:
    """What a history tells of one finished trial."""

    key: Row
    reward: float
    penalty: float
    predicted_sd: float
    stopped: bool


class HistoryReader:
    """Reads histories of one study, decoding each finished trial once: it changes no more."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._decoded: dict[int, _Finished] = {}
        self._study_name: str | None = None

    def read(self, study: Study, proposing_for: FrozenTrial) -> StudyHistory:
        """The history before `proposing_for`.

        Raises:
            OutsideSpace: the study holds trials of another space.
        """
        if study.study_name != self._study_name:
            self._decoded.clear()
            self._study_name = study.study_name
        complete: list[FrozenTrial] = []
        unfinished: list[FrozenTrial] = []
        taken: set[Row] = set()
        for trial in study.get_trials(deepcopy=False):
            if trial.state is TrialState.COMPLETE:
                complete.append(trial)
            elif trial.state is TrialState.RUNNING and trial.number != proposing_for.number:
                unfinished.append(trial)
                # Another process may still be writing this trial's parameters.
                if trial.params.keys() == set(self._encoding.names):
                    taken.add(key(self._encoding.codes(trial.params)))
            elif trial.state is TrialState.FAIL and FAILURE in trial.user_attrs:
                # What could not be evaluated once is not proposed again; a queued one may be of no space at all.
                with suppress(OutsideSpace):
                    taken.add(key(self._encoding.codes(trial.params)))
        n_positions = len(self._encoding.names)
        rows = [self._finished(trial) for trial in complete]
        taken.update(row.key for row in rows)
        return StudyHistory(
            tuple(complete),
            np.array([row.key for row in rows], dtype=np.int64).reshape(-1, n_positions),
            np.array([row.reward for row in rows]),
            np.array([row.penalty for row in rows]),
            np.array([row.predicted_sd for row in rows]),
            np.array([row.stopped for row in rows], dtype=bool),
            tuple(unfinished),
            taken,
        )

    def _finished(self, trial: FrozenTrial) -> _Finished:
        row = self._decoded.get(trial.number)
        if row is None:
            row_key = key(self._encoding.codes(trial.params))
            reward = float((trial.values or [math.nan])[0])
            sd = float(trial.user_attrs.get(PREDICTED_SD, 0.0)) if stopped(trial) else 0.0
            row = _Finished(row_key, reward, penalty_of(trial), sd, stopped(trial))
            self._decoded[trial.number] = row
        return row
