"""Where a session's windows come from: the tasks of a campaign, claimed as long as some are pending."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from db.database import Database
from db.kinds import CampaignSource
from db.rows import CampaignRow, TaskRow, TaskSpec
from db.tasks import canaries, claim, peek
from lab.campaign.model_files import ModelBuilder, ReadyModel
from lab.campaign.tasks import arrange
from lab.errors import CampaignStopped
from lab.profile.profile import BenchProfile


@dataclass(frozen=True)
class CampaignPlan:
    """What is to be measured.

    Attributes:
        source, source_of: where the models come from, as `CampaignSpec` has it.
        tasks: architectures or files, and canaries.
        own_models: a user's files by hash; empty for sampled architectures.
        notes: for the user: files that are left out, doubled, renamed or gone.
        seed: of sampling, of weights and of the order in windows.
    """

    name: str
    source: CampaignSource
    source_of: Mapping[str, Any]
    seed: int
    tasks: tuple[TaskSpec, ...]
    own_models: Mapping[str, ReadyModel]
    notes: tuple[str, ...] = ()


class Work(Protocol):
    """What a session is to measure, window by window."""

    def next_window(self, session_id: int) -> list[TaskRow]:
        """The tasks of the next window in the order of its queue; none when all is done."""
        ...

    def model(self, task: TaskRow) -> ReadyModel:
        """The file of a task."""
        ...

    def close(self) -> None:
        """Ends it; harmless when done twice."""
        ...


class CampaignWork:
    """The pending tasks of a campaign, and its canaries among them.

    Args:
        folder: where model files go that are built.
    """

    def __init__(
        self, db: Database, profile: BenchProfile, plan: CampaignPlan, campaign: CampaignRow, folder: Path
    ) -> None:
        self._db, self._profile, self._plan, self._campaign_id = db, profile, plan, campaign.campaign_id
        self._n_windows = 0
        self._builder = ModelBuilder(self._texts(), plan.seed, folder)

    def _texts(self) -> list[str]:
        """Architectures still without a result, in the order in which they will be claimed."""
        if self._plan.own_models:
            return []
        rows = peek(self._db, self._campaign_id, len(self._plan.tasks), self._profile.precision.max_visits)
        return [row.architecture.text for row in rows if row.architecture is not None and row.model is None]

    def next_window(self, session_id: int) -> list[TaskRow]:
        """Claim the next tasks."""
        precision, window = self._profile.precision, self._profile.window
        n_canaries = min(precision.n_canaries, max(0, window.n_models - 1))
        claimed = claim(self._db, self._campaign_id, session_id, window.n_models - n_canaries, precision.max_visits)
        if not claimed:
            return []
        watched = canaries(self._db, self._campaign_id)[:n_canaries]
        number = self._n_windows
        self._n_windows += 1
        return arrange(claimed, watched, self._plan.seed, session_id * 100_003 + number)

    def model(self, task: TaskRow) -> ReadyModel:
        """The file, built if it is that of an architecture.

        Raises:
            CampaignStopped: a user's file is no longer there.
            SearchError: it could not be built.
        """
        if task.architecture is not None:
            return self._builder.model(task.architecture.text)
        sha256 = task.model.sha256 if task.model else ""
        if sha256 not in self._plan.own_models:
            name = task.model.name if task.model else f"task {task.ordinal}"
            raise CampaignStopped(
                f"The file {name} of this campaign is no longer in the folder.",
                "Put it back, or start a campaign of another name with --campaign.",
            )
        return self._plan.own_models[sha256]

    def close(self) -> None:
        """Stop building ahead."""
        self._builder.close()
