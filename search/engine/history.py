"""The trials of a study as arrays, for samplers: what has a reward, what is taken, what must be beaten."""

from __future__ import annotations

import math
from collections.abc import Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from optuna.study import Study  # noqa: TID253
from optuna.trial import FrozenTrial, TrialState  # noqa: TID253

from search.engine.encoding import Codes, Encoding, key
from search.engine.record import PREDICTED_SD, penalty_of, stopped

Row = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class History:
    """The state of a study, by trial number.

    Args:
        trials: with a reward, stopped ones among them: n.
        codes: their architectures, (n, n_positions).
        rewards: their (first) values, (n,); predictions where `stopped`.
        penalties: what was known to be taken from the accuracy, (n,).
        predicted_sds: of the predictions, (n,); 0 where trained.
        stopped: (n,).
        unfinished: trials that run, without the one being proposed for.
        taken: architectures that finished or run.
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


class HistoryReader:
    """Reads histories of one study, decoding each finished trial once."""

    def __init__(self, encoding: Encoding) -> None:
        self._encoding = encoding
        self._decoded: dict[int, Codes] = {}
        self._study_name: str | None = None

    def read(self, study: Study, proposing_for: FrozenTrial) -> History:
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
                taken.add(key(self._codes(trial)))
            elif trial.state is TrialState.RUNNING and trial.number != proposing_for.number:
                unfinished.append(trial)
                # Another process may still be writing this trial's parameters.
                if trial.params.keys() == set(self._encoding.names):
                    taken.add(key(self._encoding.codes(trial.params)))
        n_positions = len(self._encoding.names)
        codes = [self._codes(trial) for trial in complete]
        return History(
            tuple(complete),
            np.stack(codes) if codes else np.empty((0, n_positions), dtype=np.int64),
            np.array([(trial.values or [math.nan])[0] for trial in complete]),
            np.array([penalty_of(trial) for trial in complete]),
            np.array([trial.user_attrs.get(PREDICTED_SD, 0.0) if stopped(trial) else 0.0 for trial in complete]),
            np.array([stopped(trial) for trial in complete], dtype=bool),
            tuple(unfinished),
            taken,
        )

    def _codes(self, trial: FrozenTrial) -> Codes:
        codes = self._decoded.get(trial.number)
        if codes is None:
            codes = self._decoded[trial.number] = self._encoding.codes(trial.params)
        return codes
