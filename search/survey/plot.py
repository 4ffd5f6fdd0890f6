"""The picture of a survey: file size over parameters as in Figure 2 (right) of Speckhard et al. (2023), and how FLOPs
and parameters are distributed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search.pictures import new_figure, save_figure
from search.survey.survey import Numbers, Survey

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LIMIT_KB = 60
_N_BINS = 40


def draw_survey(survey: Survey, path: Path) -> None:
    """Writes the picture; it is there whole or not at all.

    Raises:
        BuildFailed: it is not named as a picture, or cannot be written.
    """
    figure = new_figure(path, (9.6, 4.8))
    grid = figure.add_gridspec(2, 2, width_ratios=(2, 1))
    _draw_sizes(figure, figure.add_subplot(grid[:, 0]), survey)
    _draw_distribution(figure.add_subplot(grid[0, 1]), survey.flops / 1e6, "MFLOPs")
    _draw_distribution(figure.add_subplot(grid[1, 1]), survey.n_params / 1e3, "parameters [thousands]")
    save_figure(figure, path)


def _draw_sizes(figure: Figure, axes: Axes, survey: Survey) -> None:
    n_params, size_kb = survey.n_params / 1e3, survey.size_bytes / 1e3
    points = axes.scatter(n_params, size_kb, c=survey.flops / 1e6, s=9, linewidths=0, cmap="viridis")
    figure.colorbar(points, ax=axes, label="MFLOPs")
    axes.axhline(_LIMIT_KB, color="0.35", linewidth=1, linestyle="--")
    label = f"{_LIMIT_KB} kB: {survey.share_below(_LIMIT_KB * 1e3):.0%} below"
    axes.annotate(label, (0.99, _LIMIT_KB), xycoords=("axes fraction", "data"), ha="right", va="bottom")
    axes.set_xlabel("parameters [thousands]")
    axes.set_ylabel("int8 .tflite file [kB]")
    title = f"{len(survey.flops):,} random networks of {survey.space_name}"
    axes.set_title(f"{title}, correlation {survey.size_correlation:.3f}", loc="left", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_distribution(axes: Axes, values: Numbers, name: str) -> None:
    axes.hist(values, bins=_N_BINS, color="#3b6f8f")
    median = float(np.median(values))
    axes.axvline(median, color="0.2", linewidth=1)
    axes.annotate(f" median {median:.1f}", (median, 0.97), xycoords=("data", "axes fraction"), va="top", fontsize=9)
    axes.set_xlabel(name)
    axes.set_ylabel("networks")
    axes.spines[["top", "right"]].set_visible(False)
