"""What `lab fit-rf` prints: how good, against which ceiling, how sure; and what to type next."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from predictor.card import figure, percent
from predictor.report import PAPERS_FOREST
from predictor.two_stage import FLOPS_COLUMN
from search.commands.terminal import as_typed, new_table, next_steps, stdout_console
from search.networks.features import GRAPH_COUNTS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from predictor.evaluation import Evaluation
    from predictor.report import FitReport

_NEAR_THE_FLOOR = 1.2
_WORDS = (
    "R²: how much of the differences is explained (1: all); RMSE and MAPE: how far off, in the unit and in percent; "
    "Kendall τ: how right the order is (1: all pairs); ±: from fold to fold."
)
_PAPER_R2, _PAPER_SUM = 0.92, 0.89
_PAPER_FEATURES = ("b01_filters", FLOPS_COLUMN)


def print_report(report: FitReport, folder: Path, onnx_difference: float | None, db: str | None) -> None:
    """Prints a report to stdout."""

    console = stdout_console()
    console.print(_scores(report))
    for line in _trust(report):
        console.print(line, highlight=False)
    if report.compared:
        console.print(_comparison(report))
        console.print(_verdict(report), highlight=False)
    for line in (*_explained(report), *_curve(report), *_sessions(report)):
        console.print(line, highlight=False)
    _next(console, report, folder, onnx_difference, db)


def _title(report: FitReport) -> str:
    mark = "[bold yellow]SIMULATED[/]  " if report.rows.simulated else ""
    budget = report.plan.budget
    what = escape(f"{report.plan.recipe} of {report.rows.target.text}")
    if budget is not None and report.predictor.model.power is not None:
        what = (
            f"energy from latency: {report.plan.recipe}, {report.used.n_architectures:,} latencies, "
            f"{report.predictor.model.power.n_rows:,} energies"
        )
    return (
        f"{mark}{what}\n{report.rows.n_rows:,} visits of {report.rows.n_architectures:,} architectures, "
        f"{len(report.rows.features.names)} features"
    )


def _scores(report: FitReport) -> Table:
    evaluation, unit = report.evaluation, escape(report.rows.target.unit)
    test, mean, sd, noise = evaluation.test, evaluation.folds.mean, evaluation.folds.sd, evaluation.noise
    heads = ("", f"{test.n_rows:,} held-out visits", "5 grouped folds", "a perfect model")
    table = new_table(_title(report), heads, left=("",))
    ceiling = "not known" if noise is None else figure(noise.ceiling_r2, 3)
    floor = "" if noise is None else figure(noise.sd)
    table.add_row("R²", figure(test.r2, 3), f"{figure(mean.r2, 3)} ± {figure(sd.r2, 3)}", ceiling)
    table.add_row(
        f"RMSE, {unit}" if unit else "RMSE", figure(test.rmse), f"{figure(mean.rmse)} ± {figure(sd.rmse)}", floor
    )
    table.add_row("MAPE", percent(test.mape_frac), f"{percent(mean.mape_frac)} ± {percent(sd.mape_frac)}", "")
    taus = f"{figure(mean.kendall_tau, 3)} ± {figure(sd.kendall_tau, 3)}"
    table.add_row("Kendall τ", figure(test.kendall_tau, 3), taus, "")
    return table


def _trust(report: FitReport) -> list[str]:
    evaluation, unit = report.evaluation, escape(report.rows.target.unit)
    noise, band, covered = evaluation.noise, evaluation.band, evaluation.coverage
    lines = [_WORDS, _how_good(evaluation)]
    if noise is None:
        lines.append("Nothing was visited twice, so the noise of a visit and the ceiling of R² are not known.")
    else:
        relative = f" ({percent(noise.sd_frac)})" if math.isfinite(noise.sd_frac) else ""
        lines.append(
            f"Noise of a visit {figure(noise.sd)} {unit}{relative} from {noise.n_repeats:,} repeats: RMSE is "
            f"[bold]{evaluation.test.rmse / noise.sd:.2f} times the noise[/], and no model could pass R² "
            f"{figure(noise.ceiling_r2, 3)} (95%: {figure(noise.ceiling_low, 3)} to {figure(noise.ceiling_high, 3)})."
        )
    half = f"± {percent(band.half_width)}" if band.relative else f"± {figure(band.half_width)} {unit}"
    lines.append(
        f"{band.level:.0%} interval of the next visit: {half}; it held {percent(covered.frac)} ± "
        f"{percent(covered.se_frac)} of the held-out visits."
    )
    for one in report.proxies:
        lines.append(
            f"{_proxy(one.name)} alone: correlation {figure(one.correlation, 3)}; of equal {_proxy(one.name)} "
            f"({_proxy_value(one.name, one.at)}, within 2%), nine of ten visits still range from {one.low:.3g} to "
            f"{one.high:.3g} {unit} ({one.n_rows:,} visits)."
        )
    return lines


def _how_good(evaluation: Evaluation) -> str:
    """How far off it is for what it was not shown, and how much of that more rows could take away."""
    off, noise = evaluation.folds.mean.mape_frac, evaluation.noise
    said = f"For architectures that it was not shown it is off by {percent(off)} on average (MAPE of the folds)"
    if noise is None or not math.isfinite(noise.sd_frac):
        return f"{said}."
    # The mean of |x| is sqrt(2 / pi) standard deviations of a normal x.
    floor = math.sqrt(2 / math.pi) * noise.sd_frac
    more = "; more architectures bring it nearer." if off > _NEAR_THE_FLOOR * floor else ": it is as good as it can be."
    return f"{said}; the noise of a visit alone is {percent(floor)}{more}"


def _proxy(name: str) -> str:
    return {"flops": "FLOPs", "latency_ms": "latency"}.get(name, name)


def _proxy_value(name: str, value: float) -> str:
    if name == "flops":
        return f"{value / 1e6:.4g} MFLOPs"
    return f"{value:.4g} ms" if name == "latency_ms" else f"{value:,.4g}"


def _comparison(report: FitReport) -> Table:
    title = "Beside it, the forest that is told every energy" if report.plan.budget else "All models, same folds"
    heads = ("model", "R² folds", "R² test", escape(f"RMSE test, {report.rows.target.unit}"), "MAPE", "τ")
    table = new_table(title, heads, left=("model",))
    for one in report.compared:
        table.add_row(*_compared_cells(one))
    return table


def _compared_cells(one: Evaluation) -> list[str]:
    folds = f"{figure(one.folds.mean.r2, 3)} ± {figure(one.folds.sd.r2, 3)}"
    test = one.test
    return [
        one.recipe,
        folds,
        figure(test.r2, 3),
        figure(test.rmse),
        percent(test.mape_frac),
        figure(test.kendall_tau, 3),
    ]


def _verdict(report: FitReport) -> str:
    if report.plan.budget is not None:
        gap = report.compared[0].test.r2 - report.evaluation.test.r2
        return f"R² is {abs(gap):.3f} {'below' if gap > 0 else 'above'} that of the forest on all energies."
    best = report.compared[0].recipe
    if best in (report.plan.recipe, PAPERS_FOREST):
        return f"Best by the folds: [bold]{best}[/]."
    return f"Best by the folds: [bold]{best}[/]; keep it with --model {best}."


def _explained(report: FitReport) -> list[str]:
    lines = []
    if report.families:
        shown = ", ".join(f"{escape(one.family)} {one.r2_loss:.2f}" for one in report.families[:4])
        lines.append(f"R² that is lost when features of one kind are shuffled, the most first: {shown}.")
    # With counts of the graph among the columns, the paper's figure has nothing to stand beside.
    papers = not any(name in report.impurity for name in GRAPH_COUNTS)
    if papers and all(name in report.impurity for name in _PAPER_FEATURES):
        total = sum(report.impurity[name] for name in _PAPER_FEATURES)
        first = ", ".join(f"{escape(name)} {share:.2f}" for name, share in list(report.impurity.items())[:4])
        lines.append(
            f"Impurity shares: {first}; filters of block 1 and FLOPs together {total:.2f} (paper {_PAPER_SUM})."
        )
    return lines


def _curve(report: FitReport) -> list[str]:
    if len(report.curve) < 2:
        return []
    points = ", ".join(f"{point.n_architectures:,}: {figure(point.scores.mean.r2, 3)}" for point in report.curve)
    return [f"R² by architectures learnt from: {points}."]


def _sessions(report: FitReport) -> list[str]:
    sessions = report.rows.provenance.get("sessions") or []
    if not sessions:
        return []
    levels = [
        f"{s}: {'not known' if level is None else f'{level:+.1%} ± {se or 0:.1%}'}" for s, _, level, se in sessions
    ]
    return [f"{len(sessions)} sessions of the bench; their levels by the canaries, taken out: {'; '.join(levels)}."]


def _next(console: Console, report: FitReport, folder: Path, onnx_difference: float | None, db: str | None) -> None:
    onnx = "" if onnx_difference is None else f" model.onnx differs by {onnx_difference:.1e} at most."
    console.print(f"Written to {escape(str(folder))}: card.md says it all, with pictures.{onnx}", highlight=False)
    predicted = as_typed("lab", "predict", "table2" if db is not None else "TABLE.csv", model=folder)
    steps = [f"{predicted}   # what a network will cost"]
    if db is not None and not report.plan.budget:
        suggested = as_typed("lab", "suggest-next", db=db, n=100, out="next.txt")
        steps.append(f"{suggested}   # what to measure next")
    next_steps(*steps)
