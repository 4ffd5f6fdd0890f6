"""Every error of the predictor package.

    PredictorError
    ├── BadTable            a table that cannot be learnt from or predicted for; names the column and the rows
    │   ├── TooFewRows          fewer architectures than an honest evaluation needs
    │   ├── OneArchitecture     all rows are of one architecture, or look alike in every feature
    │   └── NothingMeasured     no accepted visit
    ├── MixedProvenance     rows of different devices, clocks, tools, or simulated and measured ones
    ├── UnknownRecipe       no model of this name
    ├── ModelFileError      a folder that is no predictor of this project, or cannot be trusted or written
    │   ├── ForeignModel        not written by this project, or it asks for code that a predictor never needs
    │   ├── DamagedModel        its bytes are not those that were written
    │   └── OutputRefused       something else stands where the predictor should go, or it cannot be written
    └── ExtraMissing        an optional package is not installed

All are stable: a retry does not help. `hint` is the last line a user reads.
"""

from __future__ import annotations


class PredictorError(Exception):
    """Something that a user has to put right.

    Args:
        problem: what is wrong, with the values seen.
        hint: what to do next.
    """

    def __init__(self, problem: str, hint: str) -> None:
        self.problem = problem
        self.hint = hint
        super().__init__(problem)


class BadTable(PredictorError):
    """A table that cannot be learnt from, or predicted for."""


class TooFewRows(BadTable):
    """Fewer architectures than an honest evaluation needs."""


class OneArchitecture(BadTable):
    """All rows are of one architecture, or of architectures that no feature tells apart."""


class NothingMeasured(BadTable):
    """There is no accepted visit to learn from."""


class MixedProvenance(PredictorError):
    """Rows that were not measured under the same conditions."""


class UnknownRecipe(PredictorError):
    """No model of this name."""


class ModelFileError(PredictorError):
    """A predictor on disk that cannot be read, trusted or written."""


class ForeignModel(ModelFileError):
    """Not a predictor of this project, or one that asks for code that a predictor never needs."""


class DamagedModel(ModelFileError):
    """The bytes on disk are not those that were written."""


class OutputRefused(ModelFileError):
    """Something else stands where the predictor should go, or it cannot be written there."""


class ExtraMissing(PredictorError):
    """An optional package is not installed."""
