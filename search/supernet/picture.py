"""The picture of `search supernet front`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from search.pictures import new_figure, save_figure
from search.supernet.picking import Pick


def draw_picks(picks: Sequence[Pick], marks: str, path: Path) -> None:
    """Shared-weight accuracy over predicted energy, a point a pick, its budget as a tick below.

    Raises:
        BuildFailed: it is not named as a picture, or cannot be written.
    """
    figure = new_figure(path, (7.2, 4.8))
    axes = figure.add_subplot()
    chosen = sorted(picks, key=lambda each: each.energy_mj)
    energies, accuracies = [each.energy_mj for each in chosen], [100 * each.score.accuracy for each in chosen]
    axes.plot(energies, accuracies, color="#888888", linewidth=1, zorder=1)
    axes.scatter(energies, accuracies, s=46, color="#1f6f8b", zorder=2, label="picked, without training of its own")
    for each in chosen:
        axes.axvline(each.budget.energy_mj, color="#b03a2e", linewidth=0.8, linestyle=":", zorder=0)
    axes.plot([], [], color="#b03a2e", linewidth=0.8, linestyle=":", label="budgets")
    axes.set_xlabel("energy per inference, predicted [mJ]")
    axes.set_ylabel("accuracy with shared weights, validation split [%]")
    axes.set_title(f"Sub-networks of one supernet. {marks}", loc="left", fontsize=10, parse_math=False)
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    save_figure(figure, path)
