"""What a study is: everything that would make its rewards incomparable with another study's.

Kept with the study itself and in the record, and held against what a user asks for when a study goes on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from search.audio.front_end import DataDescription
from search.errors import UnknownSettings
from search.networks.space import Space
from search.networks.spaces import space_named
from search.training.recipe import TrainingRecipe

FORMAT = 1


@dataclass(frozen=True)
class StudySettings:
    """A study.

    Attributes:
        options: of the space, all of them.
        algorithm: who proposes; see search.engine.algorithms.
        stopping: who stops trainings that will not pay; see search.engine.stopping.
        reward: name of a preset, see search.engine.reward.
        seed: of proposals and trainings.
        data: name of the data set.
        data_sha256: of what the data were made of. Of their computed numbers where `data_description` is None: releases
            up to 0.2 knew data so. Of the surrogate's table where a surrogate answers.
        budget: its name, see search.studies.budget.
        recipe: how networks are trained.
        predictor_sha256: of all that the energy predictor's answers follow from.
        predictor_simulated: whether these are of a simulated bench.
        data_synthetic: whether the sounds are synthesised.
        surrogate: whether nothing is trained: a model of earlier trainings answers.
        data_description: classes, front-end and divisor; None in a study begun by a release up to 0.2, and of a
            surrogate.
        n_validation: clips that accuracies are of; None like `data_description`.
        chance_accuracy: of what always says the commonest class of these; None like `data_description`.
    """

    space: str
    options: tuple[tuple[str, str], ...]
    algorithm: str
    stopping: str
    reward: str
    seed: int
    data: str
    data_sha256: str
    budget: str
    recipe: TrainingRecipe
    predictor_sha256: str
    predictor_simulated: bool
    data_synthetic: bool
    surrogate: bool = False
    data_description: DataDescription | None = None
    n_validation: int | None = None
    chance_accuracy: float | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON takes it."""
        plain = dataclasses.asdict(self)
        plain["effort"] = plain.pop("budget")
        plain["data_description"] = self.data_description and self.data_description.to_plain()
        return {"format": FORMAT, **plain, "options": [list(pair) for pair in self.options]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> StudySettings:
        """What `to_plain` gave.

        Raises:
            UnknownSettings: of another format, or damaged.
        """
        hint = "go on with the version that began the study, or start one of another name"
        try:
            if plain["format"] != FORMAT:
                raise UnknownSettings(
                    f"the study's settings have format {plain['format']}, this version reads {FORMAT}", hint
                )
            # Release 0.1 called the budget `effort`; the name in stored studies stays.
            plain = {**plain, "budget": plain["effort"]}
            values = {field.name: plain[field.name] for field in dataclasses.fields(cls) if field.name in plain}
            values["options"] = tuple((str(name), str(value)) for name, value in plain["options"])
            values["recipe"] = TrainingRecipe(**plain["recipe"])
            if (description := plain.get("data_description")) is not None:
                values["data_description"] = DataDescription.from_plain(description)
            return cls(**values)
        except (KeyError, TypeError, ValueError) as error:
            raise UnknownSettings(f"the study's settings are none of this version: {error}", hint) from error

    @property
    def n_classes(self) -> int | None:
        """Of the data; None where the space's own number is meant."""
        return None if self.data_description is None else len(self.data_description.class_names)

    @property
    def search_space(self) -> Space:
        """The space itself."""
        return space_named(self.space)
