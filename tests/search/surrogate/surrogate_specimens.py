"""A table of trainings that were none: accuracies from a formula of the network's size, curves that rise to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from search.networks.count import count_graph
from search.networks.graph import build_graph
from search.networks.spaces import AUDIO_2D
from search.surrogate.trainings import Training, Trainings, write_trainings
from search.training.recipe import TrainingRecipe

N_EVALUATIONS = 6


def made_up_trainings(n: int = 80, seed: int = 3) -> Trainings:
    """Accuracy follows from FLOPs, with a run-to-run sd of 0.01; every curve starts at 0.5."""
    rng = np.random.default_rng(seed)
    rows = []
    for architecture in AUDIO_2D.sample_unique(n, seed):
        mflops = count_graph(build_graph(architecture)).total.flops / 1e6
        accuracy = float(np.clip(0.6 + 0.02 * (mflops - 8) + rng.normal(0, 0.01), 0.52, 0.99))
        rise = 1 - np.exp(-np.linspace(0, 4, N_EVALUATIONS))
        curve = 0.5 + (accuracy - 0.5) * rise / rise[-1]
        rows.append(Training(architecture, 1, accuracy + 0.01, accuracy, tuple(np.round(curve, 5).tolist())))
    return Trainings("audio2d", "SYNTHETIC formula", TrainingRecipe(n_evaluations=N_EVALUATIONS), tuple(rows))


def made_up_table(path: Path, n: int = 80) -> Path:
    """The same as a file."""
    write_trainings(path, made_up_trainings(n))
    return path
