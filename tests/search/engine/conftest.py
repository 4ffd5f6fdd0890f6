"""For tests of the engine: Optuna says nothing of every trial. Folders below find the specimens beside this file."""

from __future__ import annotations

import optuna  # noqa: TID253
import pytest


@pytest.fixture(autouse=True)
def quiet_optuna() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
