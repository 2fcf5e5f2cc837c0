"""A snapshot as clients see it, how it is written down, and what can be wrong with one."""

from pydantic import AwareDatetime, BaseModel, Field

from service.errors import Conflict
from service.store.sealed import Sealed

UPLOAD = "upload"  # the `job` of snapshots that somebody brought


class Snapshot(BaseModel, frozen=True):
    """What a client sees of a snapshot. `sha256` is of all its `bytes`; `created_at` is UTC.

    A snapshot of a `job` holds what the job of this id made of a fork or has brought, or what the net was before it, or
    what somebody brought (`upload`), or an older one of a child, put over the parent of now (`rebase`). One that is
    `kept` stays until it is deleted; others go when there are newer ones.
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


class Chunk(BaseModel, frozen=True):
    """What one chunk must be."""

    size: int
    sha256: str


class Manifest(Snapshot, Sealed, frozen=True):
    """What is stored of a snapshot beside its chunks, which are in a folder with its id for a name."""

    chunks: tuple[Chunk, ...]
    memory: Chunk | None = None
    position: int | None = Field(None, alias="place")  # the last record of the journal that is in it
    parent: str | None = None  # the hash of what it is over, of a child; older manifests do not tell

    def snapshot(self) -> Snapshot:
        """Return what a client sees of it."""
        return Snapshot(**self.model_dump(include=set(Snapshot.model_fields)))


class SnapshotDamaged(Conflict):
    """What is stored of snapshot `id` is not what was written; `what` says in which way."""

    def __init__(self, id: str, what: str) -> None:
        super().__init__(f"snapshot {id} is damaged: {what}")
        self.id = id
        self.what = what
