"""Every error of the search package.

    SearchError
    ├── TransientError      worth a retry
    │   └── WorkerLost          a process that builds files ended before its work
    └── StableError         stop and tell the user
        ├── BadText             a text or table of parameters that describes no architecture
        ├── UnknownSpace        a name that no search space has
        ├── UnknownNetwork      a network of no known space, and no baseline
        ├── UnknownBudget       a name that no budget of training has
        ├── UnknownReward       a name that no preset of the reward has
        ├── UnknownAlgorithm    a name that no search algorithm has
        ├── UnknownStopRule     a name that no rule for stopping has
        ├── MissingPenalties    an algorithm needs penalties known before training, and has none
        ├── OutsideSpace        a well-formed architecture that the space does not contain
        ├── BadList             a file that should list networks and does not
        ├── WrongHash           a hash that is not that of the network beside it
        ├── SpaceExhausted      more different architectures asked for than the space holds
        ├── UnknownSettings     a study of another format
        ├── TrialMissing        no finished trial of this number, or its file is gone
        ├── StudyMissing        no study of this name
        ├── TrialsFailing       several trials on end could not be evaluated
        ├── StorageUnusable     the search engine's storage cannot be reached, or vanished
        ├── PredictorUnfit      no energy predictor, or one for another space
        ├── DataMissing         a data set's file or folder is not there
        ├── DataBroken          files of a data set cannot be read
        ├── SupernetMissing     a folder without a supernet
        ├── BadSupernet         a supernet that is damaged, of another release, or not of this space or these data
        ├── DeviceMissing       PyTorch cannot compute on a device
        ├── BudgetTooSmall      no architecture of the space is within a budget
        ├── BadTrainings        a table of trainings is none, has too few, or does not go with what is asked
        ├── NothingChosen       a command was told to work on no network
        ├── BuildFailed         a model file cannot be written
        ├── BadModelFile        bytes that are no .tflite file, or not that of the network expected
        ├── TrainingUnavailable TensorFlow is not installed
        ├── WrongModel          a Keras model that is not that of the network expected
        └── ConversionFailed    the TFLite converter refuses a model

The kind decides the policy. `hint` is the last line a user reads.
"""

from __future__ import annotations

from typing import Self


class SearchError(Exception):
    """Something in the search package went wrong.

    Args:
        problem: what is wrong, with the values seen.
        hint: what the user can do next.
    """

    def __init__(self, problem: str, hint: str) -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(problem)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        # Errors cross from the file-building processes; the default would lose the hint.
        return type(self), (self.problem, self.hint)


class TransientSearchError(SearchError):
    """A retry may help."""


class StableSearchError(SearchError):
    """A retry will not help."""


class WorkerLost(TransientSearchError):
    """A process that builds files ended before its work was done."""


class BadText(StableSearchError):
    """A text or table of parameters describes no architecture."""


class UnknownSpace(StableSearchError):
    """No search space has this name."""


class UnknownNetwork(StableSearchError):
    """A network that is neither a baseline nor in a space."""


class UnknownBudget(StableSearchError):
    """No budget of training has this name."""


class UnknownReward(StableSearchError):
    """No preset of the reward has this name."""


class UnknownAlgorithm(StableSearchError):
    """No search algorithm has this name."""


class UnknownStopRule(StableSearchError):
    """No rule for stopping has this name."""


class MissingPenalties(StableSearchError):
    """An algorithm needs penalties that are known before training, and was given none."""


class OutsideSpace(StableSearchError):
    """The architecture is well formed, but the space does not contain it."""


class BadList(StableSearchError):
    """A file should list networks, and does not."""


class WrongHash(StableSearchError):
    """A hash is not that of the network that it stands beside."""


class SpaceExhausted(StableSearchError):
    """More different architectures were asked for than the space holds."""


class UnknownSettings(StableSearchError):
    """A study was made by another version of this project."""


class TrialMissing(StableSearchError):
    """No finished trial has this number, or its network's file is gone."""


class StudyMissing(StableSearchError):
    """No study has this name."""


class TrialsFailing(StableSearchError):
    """Several trials on end could not be evaluated."""


class StorageUnusable(StableSearchError):
    """The search engine's storage cannot be reached, or vanished."""


class PredictorUnfit(StableSearchError):
    """There is no energy predictor, or it is one for another space."""


class DataMissing(StableSearchError):
    """A data set's file or folder is not there."""


class DataBroken(StableSearchError):
    """Files of a data set cannot be read."""


class SupernetMissing(StableSearchError):
    """A folder without a supernet."""


class BadSupernet(StableSearchError):
    """A supernet that is damaged, of another release, or not of this space or these data."""


class DeviceMissing(StableSearchError):
    """PyTorch cannot compute on a device of this name."""


class BudgetTooSmall(StableSearchError):
    """No architecture of the space is within a budget."""


class BadTrainings(StableSearchError):
    """A table of trainings is none, has too few, or does not go with what is asked."""


class NothingChosen(StableSearchError):
    """A command was told to work on networks, and on none."""


class BuildFailed(StableSearchError):
    """A model file cannot be written."""


class BadModelFile(StableSearchError):
    """Bytes are no .tflite file, or not the file of the network expected."""


class TrainingUnavailable(StableSearchError):
    """TensorFlow and its companions are not installed, or do not load."""


class WrongModel(StableSearchError):
    """A Keras model is not that of the network expected."""


class ConversionFailed(StableSearchError):
    """The TFLite converter refuses a model."""
