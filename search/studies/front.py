"""The Pareto front of a study's trained networks: accuracy up, energy and size down; as rows and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from db.rows import StudyRow, TrialSpec
from search.engine.pareto import Point, front
from search.pictures import new_figure, save_figure


def pareto_front(trials: Sequence[TrialSpec]) -> list[TrialSpec]:
    """The trained trials that no other one dominates, most accurate first."""
    by_number = {trial.number: trial for trial in trials}
    return [by_number[point.trial_number] for point in front(_points(trials))]


def draw_front(study: StudyRow, trials: Sequence[TrialSpec], path: Path) -> None:
    """Accuracy over energy, sizes as colours, the front ringed; the picture is there whole or not at all.

    Raises:
        BuildFailed: it is not named as a picture, or cannot be written.
    """
    figure = new_figure(path, (7.2, 4.8))
    axes = figure.add_subplot()
    points = _points(trials)
    energies, accuracies = [p.energy_mj for p in points], [100 * p.accuracy for p in points]
    sizes = [p.size_bytes / 1e3 for p in points]
    drawn = axes.scatter(energies, accuracies, c=sizes, s=22, cmap="viridis", linewidths=0)
    figure.colorbar(drawn, ax=axes, label="int8 .tflite file [kB]")
    best = front(points)
    axes.scatter(
        [p.energy_mj for p in best], [100 * p.accuracy for p in best],
        s=70, facecolors="none", edgecolors="#b03a2e", linewidths=1.4, label=f"front: {len(best)} of {len(points)}",
    )  # fmt: skip
    axes.set_xlabel("energy per inference, predicted [mJ]")
    axes.set_ylabel("accuracy of the int8 file [%]")
    title = f"Study {study.name}: networks trained to the end. {', '.join(study.marks)}"
    axes.set_title(title, loc="left", fontsize=10, parse_math=False)
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)


def _points(trials: Sequence[TrialSpec]) -> list[Point]:
    return [
        Point(trial.number, trial.accuracy, trial.energy_mj, float(trial.model.size_bytes))
        for trial in trials
        if trial.accuracy is not None and trial.model is not None
    ]
