"""The pictures beside a predictor, as PNG: each says what it shows, in which unit, and whether it is SIMULATED."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from predictor.report import FitReport
from predictor.table import Floats

_DPI = 130
_INK, _DOTS, _BAND, _WARN = "#1b263b", "#3a6ea5", "#e07a5f", "#b00020"
_SHOWN_ROWS = 3000


def draw_plots(report: FitReport) -> dict[str, bytes]:
    """The pictures of a report by file name; those that it has nothing for are left out."""
    drawings: dict[str, Callable[[Any, FitReport], None]] = {
        "predicted-against-measured.png": _predicted,
        "residuals.png": _residuals,
    }
    if report.families:
        drawings["importances.png"] = _importances
    if len(report.curve) > 1:
        drawings["learning-curve.png"] = _curve
    for name, draw in (("flops", _against_flops), ("latency_ms", _against_latency)):
        if any(proxy.name == name for proxy in report.proxies):
            drawings[f"{_file_part(report.rows.target.name)}-against-{name}.png"] = draw
    return {name: _png(report, draw) for name, draw in drawings.items()}


def _file_part(name: str) -> str:
    """A column's name where it can stand in a file's: no folder, no blank."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")


def _verbatim(text: str) -> str:
    """A user's name as it is: matplotlib takes what stands between dollar signs for mathematics."""
    return text.replace("$", r"\$")


def _png(report: FitReport, draw: Callable[[Any, FitReport], None]) -> bytes:
    from matplotlib.figure import Figure

    # Not pyplot: it keeps figures for ever and asks for a display.
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes, report)
    if report.rows.simulated:
        axes.text(
            0.99, 0.02, "SIMULATED bench", transform=axes.transAxes, ha="right", va="bottom", color=_WARN,
            fontsize=11, fontweight="bold",
        )  # fmt: skip
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": "energy-lab"})
    return file.getvalue()


def _test(report: FitReport) -> tuple[Floats, Floats]:
    return report.rows.values[report.evaluation.split.test], report.evaluation.predicted


def _predicted(axes: Any, report: FitReport) -> None:
    measured, predicted = _test(report)
    evaluation, target = report.evaluation, report.rows.target
    ends = np.array([min(measured.min(), predicted.min()), max(measured.max(), predicted.max())])
    along = np.linspace(ends[0], ends[1], 50)
    low, high = evaluation.band.around(along)
    # The band is about a prediction, so it is drawn along that axis.
    axes.fill_betweenx(along, low, high, color=_BAND, alpha=0.2, lw=0, label=f"{evaluation.band.level:.0%} interval")
    axes.plot(ends, ends, color=_INK, lw=1)
    axes.plot(measured[:_SHOWN_ROWS], predicted[:_SHOWN_ROWS], ".", color=_DOTS, ms=3, alpha=0.6)
    axes.set(xlabel=f"measured {_verbatim(target.text)}", ylabel=f"predicted {_verbatim(target.text)}")
    axes.set_title(
        f"{evaluation.recipe}: {evaluation.test.n_rows:,} held-out visits, R² {evaluation.test.r2:.3f}, "
        f"RMSE {evaluation.test.rmse:.3g} {_verbatim(target.unit)}",
        fontsize=10,
    )
    axes.legend(loc="upper left", frameon=False)


def _residuals(axes: Any, report: FitReport) -> None:
    measured, predicted = _test(report)
    unit, noise = _verbatim(report.rows.target.unit), report.evaluation.noise
    axes.plot(predicted[:_SHOWN_ROWS], (measured - predicted)[:_SHOWN_ROWS], ".", color=_DOTS, ms=3, alpha=0.6)
    axes.axhline(0, color=_INK, lw=1)
    if noise is not None:
        for side in (-noise.sd, noise.sd):
            axes.axhline(side, color=_BAND, lw=1, ls="--", label=f"noise of a visit, {noise.sd:.3g} {unit}")
        axes.legend(*(part[:1] for part in axes.get_legend_handles_labels()), loc="upper left", frameon=False)
    ylabel = f"measured − predicted ({unit})" if unit else "measured − predicted"
    axes.set(xlabel=f"predicted {_verbatim(report.rows.target.text)}", ylabel=ylabel)
    axes.set_title(f"{report.evaluation.recipe}: errors on held-out visits", fontsize=10)


def _importances(axes: Any, report: FitReport) -> None:
    shown = report.families[:12][::-1]
    names = [_verbatim(one.family) for one in shown]
    axes.barh(names, [one.r2_loss for one in shown], xerr=[one.r2_loss_sd for one in shown], color=_DOTS, ecolor=_INK)
    axes.set(xlabel="R² lost on held-out visits\nwhen the columns are shuffled together")
    axes.set_title(f"{report.evaluation.recipe}: what the prediction rests on", fontsize=10)


def _curve(axes: Any, report: FitReport) -> None:
    n = [point.n_architectures for point in report.curve]
    mean = np.array([point.scores.mean.r2 for point in report.curve])
    sd = np.nan_to_num([point.scores.sd.r2 for point in report.curve])
    axes.errorbar(n, mean, yerr=sd, color=_DOTS, ecolor=_INK, marker="o", ms=4, capsize=2, label="held-out R²")
    noise = report.evaluation.noise
    if noise is not None:
        axes.axhspan(noise.ceiling_low, noise.ceiling_high, color=_BAND, alpha=0.15, lw=0)
        axes.axhline(noise.ceiling_r2, color=_BAND, ls="--", label="ceiling by the noise of a visit")
    axes.set_xscale("log")
    axes.set(xlabel="architectures learnt from", ylabel="R² on held-out visits", ylim=(max(0.0, mean.min() - 0.05), 1))
    axes.set_title(f"{report.evaluation.recipe}: what more measurements bring", fontsize=10)
    axes.legend(loc="center right", frameon=False)


def _against_flops(axes: Any, report: FitReport) -> None:
    _against(axes, report, "flops", report.rows.features.columns["flops"] / 1e6, "MFLOPs", 1e6)


def _against_latency(axes: Any, report: FitReport) -> None:
    if report.rows.latencies_ms is not None:
        _against(axes, report, "latency_ms", report.rows.latencies_ms, "latency (ms)", 1.0)


def _against(axes: Any, report: FitReport, name: str, column: Floats, label: str, scale: float) -> None:
    proxy = next(one for one in report.proxies if one.name == name)
    target, unit = report.rows.target, _verbatim(report.rows.target.unit)
    every = max(1, report.rows.n_rows // _SHOWN_ROWS)
    axes.plot(column[::every], report.rows.values[::every], ".", color=_DOTS, ms=3, alpha=0.5)
    axes.vlines(proxy.at / scale, proxy.low, proxy.high, color=_BAND, lw=3,
                label=f"5 to 95 % at equal {label}: {proxy.low:.3g} to {proxy.high:.3g} {unit}")  # fmt: skip
    axes.set(xlabel=label, ylabel=_verbatim(target.text))
    axes.set_title(f"correlation {proxy.correlation:.3f} over {report.rows.n_rows:,} visits", fontsize=10)
    axes.legend(loc="upper left", frameon=False)
