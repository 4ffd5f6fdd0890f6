"""The plain values that cross the border of the record, in both directions.

A `...Spec` goes in, a `...Row` comes out; fields are named as the columns of `db.schema` (a column
`params_json` is the field `params`). No object of the database layer is ever handed to a caller. All
`..._utc` fields are timezone-aware datetimes; `started_utc_s` is the phone's own wall clock, in Unix seconds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from db.kinds import (
    CampaignSource,
    FailureKind,
    GateOutcome,
    IncidentKind,
    TaskRole,
    TaskState,
    TrialState,
    VisitOutcome,
)


@dataclass(frozen=True, kw_only=True)
class CampaignSpec:
    """A campaign: where its models come from, and whether its bench is simulated.

    `source_of` says the rest of the source: {"space"} of a sampled campaign, {"path"} of a listed one, {"folder"} of
    model files (and {"files"}, where some were named one by one), {"study", "top"} of finalists.
    """

    name: str
    created_utc: datetime
    seed: int
    source: CampaignSource
    source_of: Mapping[str, Any]
    simulated: bool
    config: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class CampaignRow(CampaignSpec):
    """A stored campaign."""

    campaign_id: int


@dataclass(frozen=True, kw_only=True)
class ArchitectureSpec:
    """A network as a text: `params` are its named parameters, one result column each."""

    hash: str
    space: str
    text: str
    params: Mapping[str, Any]
    flops: int
    n_params: int


@dataclass(frozen=True, kw_only=True)
class ModelSpec:
    """A model file by the SHA-256 (hex) of its bytes.

    Attributes:
        flops: of one inference, counted in the file's own graph; None where it was not counted, or does not tell.
        network_sha256: of the same file without its description, for one that `search export` wrote; None for others.
    """

    sha256: str
    size_bytes: int
    name: str
    flops: int | None = None
    network_sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskSpec:
    """A model to measure `n_wanted` times; `ordinal` is its place among the tasks of its role.

    Attributes:
        architecture: that a file is built of.
        model: the file; without an architecture, it is what the task is about.
        recognised: the architecture that such a file was found to hold.
    """

    role: TaskRole
    ordinal: int
    n_wanted: int
    architecture: ArchitectureSpec | None = None
    model: ModelSpec | None = None
    recognised: ArchitectureSpec | None = None


@dataclass(frozen=True, kw_only=True)
class TaskRow(TaskSpec):
    """A stored task; `n_attempts` counts the finished windows that visited it."""

    task_id: int
    state: TaskState
    n_attempts: int
    failure: str | None


@dataclass(frozen=True, kw_only=True)
class TaskUpdate:
    """What a finished window makes of one of its tasks; the caller decides."""

    state: Literal["pending", "done", "failed"]
    n_wanted: int
    failure: str | None = None


@dataclass(frozen=True, kw_only=True)
class MeterSpec:
    """A power monitor."""

    kind: str
    serial: str
    firmware: str


@dataclass(frozen=True, kw_only=True)
class PhoneSpec:
    """A phone with the build it runs."""

    serial: str
    model: str
    build_fingerprint: str


@dataclass(frozen=True, kw_only=True)
class SessionSpec:
    """One start of the bench by one process: all provenance its windows share."""

    campaign_id: int
    meter: MeterSpec
    phone: PhoneSpec
    simulated: bool
    started_utc: datetime
    host: str
    pid: int
    profile_name: str
    profile_toml: str
    tool_sha256: str
    tool_banner: str
    versions: Mapping[str, Any]
    calibration: Mapping[str, Any]
    settings: Mapping[str, Any]
    seed: int
    clock_freq_khz: int
    core: int


@dataclass(frozen=True, kw_only=True)
class LostWindow:
    """A window whose process died; `n_tasks` claims of its session went back to pending."""

    window_id: int
    session_id: int
    host: str
    pid: int
    started_utc: datetime
    n_tasks: int


@dataclass(frozen=True, kw_only=True)
class WindowSpec:
    """The start of a window; `started_s` is bench time."""

    session_id: int
    started_utc: datetime
    started_s: float


@dataclass(frozen=True, kw_only=True)
class WindowMeasures:
    """What is known of a window at its end. Bench seconds by cause, trace, clocks; None where not reached."""

    duration_s: float | None = None
    useful_s: float | None = None
    push_s: float | None = None
    settle_s: float | None = None
    reconnect_s: float | None = None
    other_s: float | None = None
    raw_path: str | None = None
    raw_sha256: str | None = None
    raw_bytes: int | None = None
    n_samples: int | None = None
    n_dropped: int | None = None
    usb_max_v: float | None = None
    clock_offset_s: float | None = None
    clock_drift_ppm: float | None = None
    align_difference_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class EnergySpec:
    """The energy of a visit by one version of the analysis. Per inference; `_se_` are standard errors."""

    analysis_version: int
    power_w: float
    idle_power_w: float
    latency_ms: float
    energy_mj: float
    energy_se_mj: float
    dynamic_energy_mj: float
    dynamic_energy_se_mj: float
    n_samples: int
    n_segments: int
    n_segments_trimmed: int


@dataclass(frozen=True, kw_only=True)
class EnergyRow(EnergySpec):
    """A stored energy of a task's accepted or marginal visit."""

    task_id: int
    visit_id: int
    window_id: int
    session_id: int
    outcome: VisitOutcome


@dataclass(frozen=True, kw_only=True)
class GateSpec:
    """What one quality gate said of a visit; `value` is None when it could not be computed."""

    analysis_version: int
    gate: str
    outcome: GateOutcome
    value: float | None
    limit_value: float
    unit: str


@dataclass(frozen=True, kw_only=True)
class VisitSpec:
    """One run of one model in a window, as the phone's tool reported it, with what was derived from it.

    `order_in_window` is its place in the queue, from 0; `failure_kind` is None for an accepted or marginal visit.
    """

    order_in_window: int
    model_sha256: str
    outcome: VisitOutcome
    reason: str | None = None
    failure_kind: FailureKind | None = None
    exit_code: int | None = None
    n_runs: int | None = None
    latency_ms: float | None = None
    latency_sd_ms: float | None = None
    started_utc_s: float | None = None
    duration_s: float | None = None
    temp_before_c: float | None = None
    temp_after_c: float | None = None
    freq_khz: int | None = None
    tool_output: str = ""
    energy: EnergySpec | None = None
    gates: Sequence[GateSpec] = ()


@dataclass(frozen=True, kw_only=True)
class IncidentSpec:
    """Something that went wrong or was worked around; `lost_s` is the bench time it cost.

    `task_id` is the task whose model is held responsible; None where none is.
    """

    at_utc: datetime
    kind: IncidentKind
    detail: str
    action: str
    lost_s: float = 0.0
    task_id: int | None = None


@dataclass(frozen=True, kw_only=True)
class IncidentRow(IncidentSpec):
    """A stored incident; `window_id` is None for one outside any window."""

    incident_id: int
    session_id: int
    window_id: int | None


@dataclass(frozen=True, kw_only=True)
class WindowResult:
    """Everything a finished window adds to the record, in one transaction.

    `task_ids` are the tasks of the window in the order of its queue: visit n is of task `task_ids[n]`.
    """

    ended_utc: datetime
    measures: WindowMeasures
    task_ids: Sequence[int]
    visits: Sequence[VisitSpec]
    task_updates: Mapping[int, TaskUpdate]
    incidents: Sequence[IncidentSpec] = ()


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """A search: `settings` say what would make its rewards incomparable with another's.

    `simulated`: its energies come from a predictor of a simulated bench; `synthetic`: its sounds are synthesised.
    """

    name: str
    created_utc: datetime
    settings: Mapping[str, Any]
    simulated: bool
    synthetic: bool

    @property
    def surrogate(self) -> bool:
        """Whether nothing was trained: a model of earlier trainings answered."""
        return bool(self.settings.get("surrogate"))

    @property
    def marks(self) -> tuple[str, ...]:
        """What stands wherever a figure of the study does."""
        marks = {"SIMULATED": self.simulated, "SYNTHETIC": self.synthetic, "SURROGATE": self.surrogate}
        return tuple(mark for mark, applies in marks.items() if applies)


@dataclass(frozen=True, kw_only=True)
class StudyRow(StudySpec):
    """A stored study."""

    study_id: int


@dataclass(frozen=True, kw_only=True)
class TrialSpec:
    """A finished trial; `number` is the search engine's. Accuracies are shares in 0..1.

    A stopped trial has no accuracy, file or size: its `reward` is what was predicted for its end. An untrained one
    could not have beaten the best, whatever its accuracy.
    """

    number: int
    state: TrialState
    architecture: ArchitectureSpec
    reward: float
    penalty: float
    energy_mj: float
    energy_low_mj: float
    energy_high_mj: float
    accuracy: float | None
    float_accuracy: float | None
    n_evaluations: int
    duration_s: float
    seed: int
    model: ModelSpec | None
    finished_utc: datetime


@dataclass(frozen=True, kw_only=True)
class RetrainingSpec:
    """A network trained again for its final accuracy: a share in 0..1, of each split and model.

    `accuracy` and `test_accuracy` are those of the int8 file, on the validation and the test split.
    """

    network_hash: str
    network_text: str
    recipe: Mapping[str, Any]
    data: str
    data_sha256: str
    synthetic: bool
    seed: int
    model: ModelSpec
    float_accuracy: float
    accuracy: float
    test_accuracy: float
    duration_s: float
    finished_utc: datetime


def fields_of(spec: Any, *leave_out: str) -> dict[str, Any]:
    """The fields of a dataclass by name, not copied in depth as `dataclasses.asdict` would."""
    names = (field.name for field in dataclasses.fields(spec))
    return {name: getattr(spec, name) for name in names if name not in leave_out}
