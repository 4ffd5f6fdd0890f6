"""What a user wants measured, as the plan of a campaign: sampled or listed architectures, files, finalists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from db.database import open_database
from db.errors import Unreachable
from db.kinds import CampaignSource
from db.queries import list_campaigns
from db.rows import TaskRow, TaskSpec
from db.studies import best_trials, find_study
from db.tasks import tasks_by_place
from lab.campaign.model_files import ReadyModel, listed_architectures
from lab.campaign.own_models import common_folder, described, find_models, matched, model_of
from lab.campaign.task_queue import CampaignPlan
from lab.campaign.tasks import architecture_tasks, canary_tasks, model_tasks, sampled_tasks
from lab.errors import ModelsError
from lab.profile.profile import BenchProfile
from search.networks.spaces import AUDIO_2D, space_named
from search.studies.files import networks_dir

CampaignOrigin = tuple[CampaignSource, Mapping[str, Any]]
"""Where the models of a campaign come from, and the rest of it: `CampaignSpec.source` and `source_of`."""


@dataclass(frozen=True)
class MeasureRequest:
    """The options of `lab measure` that say what to measure; one of the first four is given.

    Attributes:
        files: a user's own files, and folders of them.
        listed: a list of architectures.
        study: of a search, whose `top` best trained networks are measured.
        top: how many of a study.
        seed: of the sampling, the weights and the order.
        repeats: how often each model is visited at least.
    """

    n: int | None = None
    files: tuple[Path, ...] = ()
    listed: Path | None = None
    study: str | None = None
    top: int = 5
    space: str = AUDIO_2D.name
    seed: int = 1
    name: str | None = None
    repeats: int = 1


def plan_of(request: MeasureRequest, profile: BenchProfile, db: str) -> CampaignPlan:
    """The plan.

    Args:
        profile: of the bench; it names the campaign and says how many canaries there are.
        db: the record that holds the study.

    Raises:
        ModelsError: not exactly one source is given, or it cannot be used.
        SearchError: no space of that name; or the list cannot be read, or a line of it is no network.
        DbError: no record, or no study of that name.
    """
    plan = _plan_of_source(request, profile, db)
    most = profile.precision.max_visits
    if request.repeats > most:
        raise ModelsError(
            f"{request.repeats} repeats are more than the {most} visits that the profile allows.",
            "Raise max_visits under [precision] in the profile, or ask for fewer.",
        )
    canaries = canary_tasks(profile.precision.n_canaries)
    tasks = [replace(task, n_wanted=max(task.n_wanted, request.repeats)) for task in plan.tasks]
    return replace(plan, tasks=(*canaries, *tasks))


def _plan_of_source(request: MeasureRequest, profile: BenchProfile, db: str) -> CampaignPlan:
    source: CampaignOrigin
    sources = {
        "--n": request.n,
        "--models": request.files or None,
        "--architectures": request.listed,
        "--study": request.study,
    }
    given = [option for option, value in sources.items() if value is not None]
    if len(given) > 1:
        raise ModelsError(
            f"{' and '.join(given)} exclude each other.",
            "All files of a folder, all architectures of a list, or the best of a study are measured; --n is for "
            "sampled ones.",
        )
    share, seed = profile.precision.repeat_frac, request.seed
    if request.files:
        return _of_own_files(request, profile, db)
    if request.study is not None:
        ready = finalists(db, request.study, request.top)
        source = CampaignSource.STUDY, {"study": request.study, "top": request.top}
        return _of_files(ready, f"{profile.name}-{request.study}-top{request.top}", source, request, share)
    if request.listed is not None:
        listed = architecture_tasks(listed_architectures(request.listed), seed, share)
        source = CampaignSource.LISTED, {"path": str(request.listed.resolve())}
        return _of_architectures(listed, f"{profile.name}-{request.listed.stem}", source, request)
    if request.n is None:
        raise ModelsError(
            "Say what to measure.",
            "Give --n NUMBER for sampled architectures, your .tflite files or a folder of them, --architectures LIST, "
            "or --study NAME.",
        )
    space = space_named(request.space)
    drawn_from = "" if space is AUDIO_2D else f"-{space.name}"
    drawn = sampled_tasks(request.n, seed, share, space)
    source = CampaignSource.SAMPLED, {"space": space.name}
    return _of_architectures(drawn, f"{profile.name}{drawn_from}-seed{seed}", source, request)


def _of_own_files(request: MeasureRequest, profile: BenchProfile, db: str) -> CampaignPlan:
    """The user's files; those that the campaign knows already keep their place in it."""
    found = find_models(request.files)
    folder, only = common_folder(request.files), request.files[0].resolve()
    source_of: dict[str, Any] = {"folder": str(folder)}
    name = folder.name
    if any(not path.is_dir() for path in request.files) or len(request.files) > 1:
        source_of["files"] = [str(path.resolve()) for path in request.files]
        name = only.stem if len(request.files) == 1 else name
    name = request.name or f"{profile.name}-{name}"
    begun = _begun(db, name)
    known = {row.model.sha256 for row in begun if row.model is not None}
    described_models = [(model, None) if model.spec.sha256 in known else described(model) for model in found.models]
    ready = [model for model, _ in described_models]
    recognised = {model.spec.sha256: architecture for model, architecture in described_models}
    tasks = [
        replace(task, recognised=recognised[task.model.sha256] if task.model else None)
        for task in model_tasks(ready, request.seed, profile.precision.repeat_frac)
    ]
    places = matched(tasks, begun, profile.precision.max_visits)
    return CampaignPlan(
        name=name,
        source=CampaignSource.MODELS,
        source_of=source_of,
        seed=request.seed,
        tasks=places.tasks,
        own_models={model.spec.sha256: model for model in ready},
        notes=(*found.notes, *places.notes),
    )


def settled_ordinals(db: str, name: str) -> set[int]:
    """The models of a campaign, by ordinal, that need no further visit; none before it has begun."""
    return {row.ordinal for row in _begun(db, name) if row.state in ("done", "failed")}


def _begun(db: str, name: str) -> list[TaskRow]:
    """The models of a campaign that is in the record; none before it has begun."""
    try:
        opened = open_database(db, create=False)
    except Unreachable:
        # Not there yet: measuring makes it, or says what is in the way.
        return []
    with opened as database:
        found = [campaign for campaign in list_campaigns(database) if campaign.name == name]
        return [
            row
            for campaign in found
            for row in tasks_by_place(database, campaign.campaign_id).values()
            if row.role == "architecture"
        ]


def _of_architectures(
    tasks: Sequence[TaskSpec], name: str, source: CampaignOrigin, request: MeasureRequest
) -> CampaignPlan:
    return CampaignPlan(
        name=request.name or name,
        source=source[0],
        source_of=source[1],
        seed=request.seed,
        tasks=tuple(tasks),
        own_models={},
    )


def _of_files(
    ready: Sequence[ReadyModel], name: str, source: CampaignOrigin, request: MeasureRequest, share: float
) -> CampaignPlan:
    return CampaignPlan(
        name=request.name or name,
        source=source[0],
        source_of=source[1],
        seed=request.seed,
        tasks=tuple(model_tasks(ready, request.seed, share)),
        own_models={model.spec.sha256: model for model in ready},
    )


def finalists(db: str, study: str, top: int) -> list[ReadyModel]:
    """The files of the best trained networks of a study, the best first.

    Raises:
        DbError: no record, or no study of that name.
        ModelsError: the study has no trained network, or a file of one is gone or damaged.
    """
    with open_database(db, create=False) as database:
        trials = best_trials(database, find_study(database, study).study_id, top)
        folder = networks_dir(database)
    if not trials:
        raise ModelsError(f"Study {study} has no trained network yet.", "Go on with `search run`.")
    ready = []
    for trial in trials:
        assert trial.model is not None
        model = model_of(folder / trial.model.name)
        if model.spec.sha256 != trial.model.sha256:
            raise ModelsError(f"{model.path} is damaged.", "Copy it again from the worker that trained it.")
        ready.append(replace(model, spec=replace(model.spec, name=f"{study}-trial{trial.number + 1}.tflite")))
    return ready
