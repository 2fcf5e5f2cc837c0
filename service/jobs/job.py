"""A job as clients see it."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel

from service.errors import Problem

JobKind: TypeAlias = Literal[
    "dream", "sleep", "fit", "daydream", "takeover", "merge", "rebase-children", "merge-children"
]


class JobStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(BaseModel):
    """A job and how far it is. `revision` grows with every change."""

    id: str
    kind: JobKind
    status: JobStatus = JobStatus.QUEUED
    progress: float = 0.0  # to 1
    request: dict[str, Any]
    metrics: dict[str, Any] = {}
    result: dict[str, Any] | None = None
    error: Problem | None = None
    created_at: AwareDatetime
    started_at: AwareDatetime | None = None
    finished_at: AwareDatetime | None = None
    revision: int = 0

    @property
    def has_ended(self) -> bool:
        return self.status not in (JobStatus.QUEUED, JobStatus.RUNNING)


def now() -> datetime:
    return datetime.now(UTC)
