"""Making a picture and writing it whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from db.whole_file import whole_file
from search.errors import BuildFailed

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(path: Path, size_inches: tuple[float, float]) -> Figure:
    """An empty figure for a file; BuildFailed when the file is not named as a picture."""
    if path.suffix != ".png":
        raise BuildFailed(f"{path} is no name for a picture", "give a file that ends in .png")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inches, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Writes the picture; it is there whole or not at all.

    Raises:
        BuildFailed: it cannot be written.
    """
    try:
        with whole_file(path) as part:
            figure.savefig(part, format="png", dpi=150)
    except OSError as error:
        hint = "choose a file in a folder that exists and that you may write to"
        raise BuildFailed(f"cannot write {path}: {error.strerror or error}", hint) from error
