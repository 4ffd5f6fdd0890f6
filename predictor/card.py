"""The model card beside a predictor: what it is, how far to trust it, and what it was learnt from (Markdown).

After Mitchell et al. (2019), "Model cards for model reporting".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from predictor.report import FitReport
from predictor.table import Target


def model_card(report: FitReport, plots: Iterable[str], versions: Mapping[str, str]) -> str:
    """The card.

    Args:
        plots: file names of the pictures beside it.
        versions: of the packages, by name.
    """
    mark = " (SIMULATED)" if report.rows.simulated else ""
    parts = [
        f"# Predictor of {report.rows.target.text}{mark}",
        *_what(report),
        "## How good it is",
        *_how_good(report),
        *_compared(report),
        "## What it rests on",
        *_rests_on(report),
        "## Where it comes from",
        *_origin(report, versions),
        "## Where it does not hold",
        *_limits(report),
        "## Pictures",
        *(f"![{name.removesuffix('.png').replace('-', ' ')}]({name})" for name in plots),
    ]
    return "\n\n".join(parts) + "\n"


def percent(value: float, digits: int = 1) -> str:
    """A share for people; an empty cell where there is none."""
    return f"{value:.{digits}%}" if math.isfinite(value) else ""


def figure(value: float, digits: int = 4) -> str:
    """A number for people, with three digits at least however small it is; an empty cell where there is none."""
    if not math.isfinite(value):
        return ""
    return f"{value:.3g}" if 0 < abs(value) < 10.0 ** (1 - digits) else f"{value:.{digits}f}"


def _what(report: FitReport) -> list[str]:
    rows, plan = report.rows, report.plan
    text = (
        f"A {plan.recipe} of {len(rows.features.names)} features, learnt from {report.used.n_rows:,} rows of "
        f"{report.used.n_architectures:,} architectures."
    )
    if plan.budget is not None and report.predictor.model.power is not None:
        power = report.predictor.model.power
        text = (
            f"Energy from latency: a {plan.recipe} of latency on {report.used.n_architectures:,} architectures, "
            f"times a power model on {power.n_rows:,} energies: energy = {power.per_ms:.4g} mJ/ms × latency "
            f"+ {power.per_flop:.3g} mJ × FLOPs + {power.constant:.4g} mJ."
        )
    if rows.simulated:
        text += " **Every row comes from the SIMULATED bench: it says nothing about a real phone.**"
    return [text]


def _how_good(report: FitReport) -> list[str]:
    evaluation, unit = report.evaluation, report.rows.target.unit
    mean, sd, test = evaluation.folds.mean, evaluation.folds.sd, evaluation.test
    taus = [figure(tau, 3) for tau in (test.kendall_tau, mean.kendall_tau, sd.kendall_tau)]
    lines = [
        _table(
            ["metric", f"held-out test ({test.n_rows:,} visits)", "grouped folds (mean ± sd)"],
            [
                ["R²", figure(test.r2), f"{figure(mean.r2)} ± {figure(sd.r2)}"],
                [f"RMSE, {unit}", figure(test.rmse), f"{figure(mean.rmse)} ± {figure(sd.rmse)}"],
                ["MAPE", percent(test.mape_frac), f"{percent(mean.mape_frac)} ± {percent(sd.mape_frac)}"],
                ["Kendall τ", taus[0], f"{taus[1]} ± {taus[2]}"],
            ],
        )
    ]  # fmt: skip
    noise, covered = evaluation.noise, evaluation.coverage
    if noise is None:
        lines.append("No architecture was visited twice, so the noise of a visit and the ceiling of R² are not known.")
    else:
        relative = f" ({percent(noise.sd_frac)})" if math.isfinite(noise.sd_frac) else ""
        lines.append(
            f"The noise of one visit is {figure(noise.sd)} {unit}{relative}, from {noise.n_repeats:,} repeated visits. "
            f"A model that knew every true value would reach R² {figure(noise.ceiling_r2)} (95 %: "
            f"{figure(noise.ceiling_low)} to {figure(noise.ceiling_high)}); the RMSE here is "
            f"{test.rmse / noise.sd:.2f} times the noise."
        )
    width = evaluation.band.half_width
    half = f"± {percent(width)} of the prediction" if evaluation.band.relative else f"± {figure(width)} {unit}"
    thirds = ", ".join(percent(third) for third in covered.thirds_frac)
    lines.append(
        f"The {evaluation.band.level:.0%} interval of the next visit is {half}; it held {percent(covered.frac)} ± "
        f"{percent(covered.se_frac)} of {covered.n_rows:,} held-out visits (lowest, middle, highest third: {thirds})."
    )
    return lines


def _compared(report: FitReport) -> list[str]:
    if not report.compared:
        return []
    first = "The forest that is told every energy, on the same test set:" if report.plan.budget else (
        "All models on the same folds and test set, best first by the folds:"
    )  # fmt: skip
    rows = [
        [one.recipe, figure(one.folds.mean.r2), figure(one.folds.sd.r2), figure(one.test.r2), figure(one.test.rmse),
         percent(one.test.mape_frac), figure(one.test.kendall_tau, 3)]
        for one in report.compared
    ]  # fmt: skip
    header = ["model", "R² of folds", "sd", "R² of test", f"RMSE of test, {report.rows.target.unit}", "MAPE", "τ"]
    return [first, _table(header, rows)]


def _rests_on(report: FitReport) -> list[str]:
    target, parts = report.rows.target, []
    if report.families:
        shown = [[f.family, figure(f.r2_loss, 3), figure(f.r2_loss_sd, 3)] for f in report.families[:12]]
        parts += ["R² lost on the test set when columns that say much the same are shuffled together:",
                  _table(["columns", "R² lost", "sd"], shown)]  # fmt: skip
    if report.impurity:
        shares = ", ".join(f"{name} {share:.2f}" for name, share in list(report.impurity.items())[:6])
        parts.append(f"Impurity shares of the forest (columns that say the same share them at random): {shares}.")
    if report.proxies:
        parts += ["Simpler quantities on the same rows:", _proxy_table(report, target)]
    return parts or ["Not looked at."]


def _proxy_table(report: FitReport, target: Target) -> str:
    rows = [[p.name, figure(p.correlation, 3), f"{p.at:.4g}", f"{p.low:.3g} to {p.high:.3g}", f"{p.n_rows:,}"]
            for p in report.proxies]  # fmt: skip
    return _table(["quantity", "correlation", "at", f"{target.text} there, 5 to 95 %", "rows within 2 %"], rows)


def _origin(report: FitReport, versions: Mapping[str, str]) -> list[str]:
    rows = report.used
    facts: dict[str, Any] = {**rows.provenance, "simulated": str(rows.simulated).lower()}
    facts.pop("sessions", None)
    lines = [[name, ", ".join(map(str, v)) if isinstance(v, list) else str(v)] for name, v in facts.items() if v != []]
    lines += [["sha256 of the rows", rows.sha256], ["seed", str(report.plan.seed)]]
    lines += [[name, version] for name, version in versions.items()]
    parts = [_table(["what", "value"], lines)]
    if sessions := rows.provenance.get("sessions"):
        shown = [[str(s), f"{n:,}", "not known" if level is None else f"{level:+.1%} ± {se or 0:.1%}"]
                 for s, n, level, se in sessions]  # fmt: skip
        parts += ["Sessions of the bench differ by a factor that the canaries tell; it was taken out:",
                  _table(["session", "visits", "level"], shown)]  # fmt: skip
    return [*parts, f"The features: {', '.join(f'`{name}`' for name in rows.features.names)}."]


def _limits(report: FitReport) -> list[str]:
    lines = [
        "- other devices, clocks, cores, tools or search spaces than those above",
        "- architectures with numbers beyond those measured: `lab predict` marks them",
        "- the interval is that of one more visit in such a session of the bench, noise included; what all visits "
        "of a session share is not in it",
    ]
    return ["\n".join(lines)]


def _table(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |" for cells in lines)
