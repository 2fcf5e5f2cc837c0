"""A snapshot as clients see it, and what can be wrong with one."""

from pydantic import AwareDatetime, BaseModel


class Snapshot(BaseModel, frozen=True):
    """What a client sees of a snapshot. `sha256` is of all its `bytes`; `created_at` is UTC.

    A snapshot of a `job` holds what the job made of a fork, never the live net. One that is `kept` stays until it is
    deleted; others go when there are newer ones.
    """

    id: str
    tick: int
    created_at: AwareDatetime
    bytes: int
    sha256: str
    state_sha256: str
    job: str | None = None
    kept: bool = False
    name: str | None = None


class SnapshotDamaged(Exception):
    """What is stored of snapshot `id` is not what was written; `what` says in which way."""

    def __init__(self, id: str, what: str) -> None:
        super().__init__(f"snapshot {id} is damaged: {what}")
        self.id = id
        self.what = what


class SnapshotInUse(Exception):
    """It cannot be deleted now."""
