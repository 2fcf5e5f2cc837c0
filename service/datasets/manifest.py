"""What is known of a data set, and how it is written down."""

from typing import Literal, TypeAlias

from pydantic import AwareDatetime, BaseModel, Field

from service.datasets.upload import Format
from service.errors import Conflict
from service.store.sealed import Sealed

DatasetKind: TypeAlias = Literal["text", "pairs", "vectors"]


class Dataset(BaseModel, frozen=True):
    """What a client sees of a data set. `bytes` and `sha256` are of the file that came; `created_at` is UTC."""

    id: str
    name: str
    format: Format
    kind: DatasetKind
    items: int = Field(description="Texts, pairs or rows")
    pieces: int = Field(description="What jobs take it in: items, but of texts at most 4,096 tokens at once")
    bytes: int
    sha256: str
    created_at: AwareDatetime
    tokens: int | None = Field(description="In all; null for vectors")
    inputs: int | None = Field(description="Numbers in an input vector; null for tokens")
    outputs: int | None = Field(description="Numbers in a target vector; null for tokens")


class Chunk(BaseModel, frozen=True):
    """What one chunk must be: a batch whose first piece has the number `start`."""

    start: int
    sha256: str


class Manifest(Dataset, Sealed, frozen=True):
    """What is stored of a data set beside its chunks, which are in the folder `place`."""

    place: str
    chunks: tuple[Chunk, ...]

    def dataset(self) -> Dataset:
        """Return what a client sees of it."""
        return Dataset(**self.model_dump(exclude={"place", "chunks"}))


class DatasetDamaged(Conflict):
    """What is stored of a data set is not what was written."""

    def __init__(self, id: str, what: str) -> None:
        super().__init__(f"data set {id} is damaged: {what}")
