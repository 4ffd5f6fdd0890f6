"""What `lab measure` prints: the estimate before, the table after."""

from __future__ import annotations

import json
import math
import shutil
import sys
from collections import deque
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from db.kinds import CampaignSource
from db.queries import progress, visit_noise, without_result
from db.results import ResultRow, result_rows
from db.shown_text import harmless, printable
from lab.analysis.energy import student_t_95
from lab.campaign.precision import imprecise_tasks
from lab.campaign.request import settled_ordinals
from lab.campaign.status import without_result_lines
from lab.campaign.tasks import noise_estimate, visits_needed
from lab.errors import NotEnoughSpace
from predictor.table import MIN_ARCHITECTURES
from search.commands.terminal import as_typed, marked_up, named, next_steps, remark, stdout_console

if TYPE_CHECKING:
    from db.database import Database
    from db.queries import Progress, VisitNoise
    from db.rows import CampaignRow
    from lab.campaign.campaign import CampaignPlan
    from lab.profile.profile import BenchProfile
    from lab.profile.sections import PrecisionSection

# Measured on the simulated bench: what a visit takes beside its runs, and what a window takes beside its visits.
_VISIT_OVERHEAD_S = 0.62
_WINDOW_OVERHEAD_S = 28.0
_TRACE_BYTES_PER_S = 32_000
_MODEL_BYTES = 56_000
_VISITS_PER_TASK_BEYOND_REPEATS = 0.04
_LONGEST_NAME = 16
_FEW_DEGREES_OF_FREEDOM = 10


@dataclass(frozen=True)
class Estimate:
    """What a campaign will cost; `n_settled` of its models need no further visit."""

    n_tasks: int
    n_visits: int
    n_windows: int
    bench_hours: float
    useful_frac: float
    disk_gb: float
    n_settled: int = 0


def print_faults() -> None:
    """The faults that `--fault` takes."""
    from rich.table import Table

    from hardware.sim.faults.catalogue import FAULTS

    table = Table("fault", "hits", "what happens on the SIMULATED bench", box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for fault in FAULTS.values():
        table.add_row(fault.name, fault.hits, fault.does)
    stdout_console().print(table)


def estimate(plan: CampaignPlan, profile: BenchProfile, settled: Collection[int] = ()) -> Estimate:
    """Time and disk of a campaign, by arithmetic.

    Args:
        settled: ordinals of the models that need no further visit.
    """
    tasks = [task for task in plan.tasks if task.role == "architecture" and task.ordinal not in settled]
    needed = visits_needed(noise_estimate(math.nan, 0, profile.precision), profile.precision)
    n_visits = round(sum(max(t.n_wanted, needed) for t in tasks) + _VISITS_PER_TASK_BEYOND_REPEATS * len(tasks))
    n_canaries = profile.precision.n_canaries
    per_window = max(1, profile.window.n_models - n_canaries)
    n_windows = -(-n_visits // per_window)
    runs = n_visits + n_windows * n_canaries
    useful_s = runs * profile.tool.min_secs
    visit_s = profile.tool.min_secs + profile.tool.warmup_secs + profile.window.gap_s + _VISIT_OVERHEAD_S - 0.35
    total_s = runs * visit_s + n_windows * _WINDOW_OVERHEAD_S
    disk = total_s * _TRACE_BYTES_PER_S + len(tasks) * _MODEL_BYTES
    useful_frac = useful_s / total_s if total_s else 0.0
    return Estimate(len(tasks), n_visits, n_windows, total_s / 3600, useful_frac, disk / 1e9, len(settled))


def check_space(plan: CampaignPlan, profile: BenchProfile, db: str) -> None:
    """Refuse a campaign whose traces the disk would not hold, were it to begin now.

    Raises:
        NotEnoughSpace: it would not.
    """
    estimated = estimate(plan, profile)
    folder = Path.cwd() if "://" in db else Path(db).expanduser().resolve().parent
    place = next(p for p in (folder, *folder.parents) if p.exists())
    free_gb = shutil.disk_usage(place).free / 1e9
    if estimated.disk_gb > free_gb:
        raise NotEnoughSpace(
            f"The campaign needs about {_disk(estimated.disk_gb)} for traces and models; {_disk(free_gb)} are free.",
            "Free some space, choose another place with --db, or measure fewer architectures.",
        )


def _disk(size_gb: float) -> str:
    return f"{size_gb:.1f} GB" if size_gb >= 1 else f"{size_gb * 1e3:.0f} MB"


def dry_run_report(plan: CampaignPlan, profile: BenchProfile, db: str, as_json: bool) -> None:
    """Print what would be done, and what it would cost."""
    estimated = estimate(plan, profile, settled_ordinals(db, plan.name))
    if as_json:
        sys.stdout.write(json.dumps({"campaign": plan.name, "db": db, **asdict(estimated)}) + "\n")
        return
    mark = "SIMULATED bench. " if profile.simulated else ""
    lock = profile.lock
    lines = [
        f"{mark}Campaign {plan.name}, profile {profile.name}, database {db}",
        f"  core {lock.core} at {lock.freq_khz:,} kHz, supply {profile.supply.voltage_v:.2f} V "
        f"(never above {profile.supply.ceiling_v:.2f} V)",
        f"  {estimated.n_tasks:,} {'models' if plan.own_models else 'architectures'} to measure"
        + (f" ({estimated.n_settled:,} are settled already)" if estimated.n_settled else "")
        + f", {estimated.n_visits:,} visits in {estimated.n_windows:,} windows",
        f"  about {estimated.bench_hours:.1f} bench hours, {estimated.useful_frac:.0%} of them sampling inference",
        f"  about {_disk(estimated.disk_gb)} of traces and models",
        "Each window:",
        "  1. push the models, prove them by hash, read the phone's clock",
        "  2. start sampling, start the queue on the phone, cut USB, prove it by the USB channel",
        f"  3. per model: cool to {profile.phone.max_skin_c:g} degC, {profile.window.gap_s:g} s idle, "
        f"{profile.tool.warmup_secs:g} s warm-up, then {profile.tool.min_secs:g} s and {profile.tool.min_runs} runs",
        "  4. pass USB, wait for the phone, bring back its journal, align, judge, record",
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def final_report(
    database: Database, campaign: CampaignRow, db: str, as_json: bool, precision: PrecisionSection, n_rows: int
) -> int:
    """Print what the campaign has; returns how many models failed."""
    now = progress(database, campaign.campaign_id)
    noise = visit_noise(database, campaign.campaign_id)
    n_failed = now.n_tasks.get("failed", 0)
    # Their visits are used up: `lab measure` would have gone on with them otherwise.
    n_wide = len(imprecise_tasks(database, campaign.campaign_id, precision))
    missing = without_result(database, campaign.campaign_id)
    if as_json:
        summary = {
            "campaign": campaign.name,
            "simulated": campaign.simulated,
            "n_done": now.n_tasks.get("done", 0),
            "n_failed": n_failed,
            "n_pending": now.n_tasks.get("pending", 0),
            "visits": dict(now.n_visits),
            "windows": dict(now.n_windows),
            "bench_s": now.bench_s,
            "useful_s": now.useful_s,
            "visit_noise_frac": noise.sd_frac if noise.degrees_of_freedom else None,
            "n_wider_than_asked": n_wide,
            "without_result": [asdict(one) for one in missing],
        }
        sys.stdout.write(json.dumps(summary) + "\n")
        return n_failed
    last = _print_rows(database, campaign, n_rows)
    for line in without_result_lines(missing, db):
        sys.stdout.write(f"{harmless(line)}\n")
    _print_summary(campaign, now, noise, db, n_wide, last)
    return n_failed


def _print_rows(database: Database, campaign: CampaignRow, n_rows: int) -> ResultRow | None:
    """Print the table of the last visits; returns the last."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    last = deque(result_rows(database, campaign.name), maxlen=n_rows)
    if not last:
        return None
    mark = "SIMULATED bench: " if campaign.simulated else ""
    title = f"{mark}last {len(last)} {'visit' if len(last) == 1 else 'visits'} of campaign {campaign.name}"
    table = Table(title=marked_up(title), title_justify="left", box=SIMPLE_HEAD, padding=0, pad_edge=False)
    for heading in ("visit", "model", "MFLOPs", "kB", "ms", "W", "mJ", "± 95%", "verdict"):
        table.add_column(heading, justify="left" if heading in ("model", "verdict") else "right", no_wrap=True)
    for row in last:
        table.add_row(*_cells(row))
    stdout_console().print(table)
    remark(
        "ms and mJ are of one inference at the locked clock, W is the mean power while it runs, ± the 95% interval of "
        "the visit; kB is the file's size. Accepted: it passed every quality gate."
    )
    return last[-1]


def _cells(row: ResultRow) -> list[str]:
    half_width_mj = student_t_95(row.n_segments - row.n_segments_trimmed - 1) * row.energy_se_mj
    return [
        str(row.visit_id),
        named(row.model_sha256[:8] if row.arch_hash else _short(printable(row.model_name))),
        f"{row.flops / 1e6:.2f}" if row.flops is not None else "",
        f"{row.size_bytes / 1e3:.1f}",
        f"{row.latency_ms:.3g}",
        f"{row.power_w:.3f}",
        f"{row.energy_mj:.4g}",
        f"{half_width_mj:.1g}",
        str(row.outcome),
    ]


def _short(name: str) -> str:
    """A file's name without its suffix, its end if it is long: that is where names of one series differ."""
    stem = name.removesuffix(".tflite")
    return stem if len(stem) <= _LONGEST_NAME else f"..{stem[2 - _LONGEST_NAME :]}"


def _print_summary(
    campaign: CampaignRow, now: Progress, noise: VisitNoise, db: str, n_wide: int, last: ResultRow | None
) -> None:
    visits = ", ".join(f"{count} {outcome}" for outcome, count in sorted(now.n_visits.items()))
    done, total = now.n_tasks.get("done", 0), sum(now.n_tasks.values())
    share = now.useful_s / now.bench_s if now.bench_s else 0.0
    kind = "simulated bench hours" if campaign.simulated else "bench hours"
    own = campaign.source in (CampaignSource.MODELS, CampaignSource.STUDY)
    remark(
        f"{done} of {total} {'models' if own else 'architectures'} done, {now.n_tasks.get('failed', 0)} failed; "
        f"visits: {visits or 'none'}. {now.bench_s / 3600:.2f} {kind}, {share:.0%} of them sampling inference."
    )
    if noise.degrees_of_freedom:
        remark(_apart(noise))
    if n_wide:
        remark(f"{n_wide} models have a wider interval than asked for: their visits are used up.")
    exported = as_typed("lab", "export", out="rows.csv", db=db)
    if done < total:
        next_steps(as_typed("lab", "status", db=db))
    elif not own and done >= MIN_ARCHITECTURES:
        next_steps(f"{as_typed('lab', 'fit-rf', db=db)}   # learns energy from these rows", exported)
    elif last is not None:
        next_steps(f"{as_typed('lab', 'show', last.model_sha256[:12], db=db)}   # all about the last", exported)
    else:
        next_steps(exported)


def _apart(noise: VisitNoise) -> str:
    """How far two models must lie apart to be told apart by a visit each."""
    apart = student_t_95(noise.degrees_of_freedom) * math.sqrt(2) * noise.sd_frac
    few = ", known from few" if noise.degrees_of_freedom < _FEW_DEGREES_OF_FREEDOM else ""
    return (
        f"From visit to visit the energy of one model varies by {noise.sd_frac:.1%} (standard deviation, "
        f"{noise.degrees_of_freedom} degrees of freedom{few}): two models with a visit each are told apart when they "
        f"differ by {apart:.0%} or more. --repeats asks for more visits."
    )
