"""The last word on a network: trained again several times, a third longer, and judged by clips no search has seen.

As the paper does with its best networks (Speckhard et al., 2023, section 5), and with the baselines in the same way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from db.database import Database
from db.retrainings import list_retrainings, record_retraining
from db.rows import ModelSpec, RetrainingSpec
from search.audio.examples import SoundData
from search.networks.layers import Graph
from search.networks.network import Network, graph_of
from search.studies.clock import StudyClock
from search.studies.files import keep_file
from search.training.int8_accuracy import int8_accuracy
from search.training.recipe import TrainingRecipe
from search.training.result import TrainingResult

LONGER = 4 / 3
"""How much longer than a trial the paper trains its best networks."""


@dataclass(frozen=True, eq=False)
class FinalRetrainer:
    """Trains networks again.

    Attributes:
        files_dir: where trained files go.
        data: what networks learn, its test split included.
        recipe: of a trial; retraining takes LONGER.
        train: of a graph, the data, a recipe and a seed.
        observe: told every finished retraining.
    """

    db: Database
    files_dir: Path
    data: SoundData
    recipe: TrainingRecipe
    clock: StudyClock
    train: Callable[[Graph, SoundData, TrainingRecipe, int], TrainingResult]
    observe: Callable[[RetrainingSpec], None] = lambda retraining: None

    @property
    def longer(self) -> TrainingRecipe:
        """The recipe of a retraining: nobody watches it, so its accuracy is taken at the end alone."""
        return replace(self.recipe.longer(LONGER), n_evaluations=1)

    def run(self, networks: Sequence[Network], n_repeats: int, should_stop: Callable[[], bool]) -> None:
        """Trains each network with seeds 1 to `n_repeats`; what the record has already is not trained again.

        The first repeat of all networks comes first, so that an interrupted run has something of each.

        Raises:
            SearchError, DbError: nothing that was finished is lost.
        """
        data_sha256 = self._data_sha256()
        done = {(row.network_hash, row.seed) for row in self.finished()}
        for seed in range(1, n_repeats + 1):
            for network in networks:
                if should_stop():
                    return
                if (network.architecture_hash, seed) not in done:
                    self._train(network, seed, data_sha256)

    def finished(self) -> list[RetrainingSpec]:
        """What the record has of this recipe and these data, the oldest first."""
        data_sha256 = self._data_sha256()
        return [row for row in self._of_this_recipe() if row.data_sha256 == data_sha256]

    def _of_this_recipe(self) -> list[RetrainingSpec]:
        recipe = asdict(self.longer)
        return [row for row in list_retrainings(self.db) if dict(row.recipe) == recipe]

    def _data_sha256(self) -> str:
        """By which the record knows these data: a release up to 0.2 has written that of their computed numbers."""
        known = {row.data_sha256 for row in self._of_this_recipe()}
        if known - {self.data.sha256} and self.data.numbers_sha256 in known:
            return self.data.numbers_sha256
        return self.data.sha256

    def _train(self, network: Network, seed: int, data_sha256: str) -> None:
        began_s = self.clock.monotonic_s()
        trained = self.train(graph_of(network, self.data.n_classes), self.data, self.longer, seed)
        test_accuracy = int8_accuracy(trained.tflite, self.data.test)
        sha256 = hashlib.sha256(trained.tflite).hexdigest()
        name = keep_file(self.files_dir, sha256, trained.tflite)
        row = RetrainingSpec(
            network_hash=network.architecture_hash,
            network_text=network.text,
            recipe=asdict(self.longer),
            data=self.data.name,
            data_sha256=data_sha256,
            synthetic=self.data.synthetic,
            seed=seed,
            model=ModelSpec(sha256=sha256, size_bytes=len(trained.tflite), name=name),
            float_accuracy=trained.float_accuracy,
            accuracy=trained.accuracy,
            test_accuracy=test_accuracy,
            duration_s=self.clock.monotonic_s() - began_s,
            finished_utc=self.clock.utc(),
        )
        record_retraining(self.db, row)
        self.observe(row)
