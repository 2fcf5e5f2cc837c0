"""What may be asked of a job."""

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, get_type_hints

from pydantic import Field, create_model, model_validator

from realnet.dendrites.merge_trial import LEAST_TOKENS
from realnet.fit_options import FitOptions
from service.jobs.bundle import MOST_PEERS
from service.validation import Body

_LARGEST = 2**31 - 1

DatasetId = Annotated[str, Field(min_length=1, max_length=64)]


class DreamRequest(Body):
    """A data set, lived through with its targets forced on the outputs."""

    dataset: DatasetId
    epochs: int = Field(1, ge=1, le=10_000, description="passes over the data set")
    ticks_per_item: int = Field(2, ge=2, le=64, description="ticks for an item, of a net of frames; a token has one")
    input: Literal["pulse", "held"] = Field(
        "pulse", description="of a net of frames: an item comes at its first tick, or at all"
    )
    share: float = Field(0.5, gt=0.0, le=1.0, description="share of the ticks that it takes while clients stream")
    validation: float = Field(
        0.0, ge=0.0, le=0.9, description="share of the items, the last ones, that are asked and never learnt"
    )
    seed: int = Field(0, ge=0, le=_LARGEST, description="what the order of the items is drawn from")


class SleepRequest(Body):
    """What the net lived through, again, in random pieces."""

    ticks: int | None = Field(
        None, ge=1, le=_LARGEST, description="ticks of sleep; if not given, four for each lived since it slept last"
    )
    rate: float = Field(0.1, gt=0.0, le=1.0, description="share of the learning rate that it learns at")
    seed: int = Field(0, ge=0, le=_LARGEST, description="what the pieces are drawn from")
    contexts: list[str] = Field(
        [],
        max_length=64,
        fail_fast=True,
        description="of a net of dendrites, instead of a search: a context that it takes on, with what was kept of its "
        "past, if by all of them it would have predicted that better",
    )


class DaydreamRequest(Body):
    """Talks of forks of the net, of which the newest among the more plausible half are kept."""

    count: int = Field(20, ge=1, le=200, description="talks")
    length: int = Field(200, ge=8, le=1000, description="tokens of each talk")
    temperature: float = Field(
        0.8, ge=0.0, le=100.0, allow_inf_nan=False, description="how freely it talks; 0 takes the likeliest token"
    )
    prompts: list[Annotated[str, Field(max_length=1000)]] = Field(
        [],
        max_length=100,
        description="what talks go on from, in turn, after what the net has in mind: an empty one is just that; "
        "if none is given, each goes on from a stretch of what the net lived through",
    )
    ngram: int = Field(8, ge=2, le=32, description="tokens in a row that are new if the net never lived them")
    keep: int = Field(5, ge=1, le=50, description="talks that are kept")
    seed: int = Field(0, ge=0, le=_LARGEST, description="what talks and stretches are drawn from")

    @model_validator(mode="after")
    def _is_long_enough(self) -> Self:
        if self.length < self.ngram:
            raise ValueError(f"a talk of {self.length} tokens has no {self.ngram} in a row")
        return self


class TakeoverRequest(Body):
    """Another server's life, which takes the place of this net's own."""

    url: str = Field(max_length=300, description="the other server, as http://host:8420")
    key: str | None = Field(
        None, max_length=256, pattern="^[!-~]+$", repr=False, description="a key to it, of scope admin"
    )
    how: Literal["snapshot", "relive"] = Field(
        "snapshot",
        description="snapshot has it taken and sent; relive has its journal sent, and lived through again here",
    )


class MergePeer(Body):
    """Another server, and the key, of scope merge, that it knows this one by."""

    url: str = Field(max_length=300)
    key: str | None = Field(None, max_length=256, pattern=r"^[\x21-\x7e]+$")


class MergeRequest(Body):
    """A merge with nets of the same ancestor in other places, of which only lines travel."""

    peers: list[MergePeer] = Field(min_length=1, max_length=MOST_PEERS, fail_fast=True)
    every: int | None = Field(
        None, ge=LEAST_TOKENS, le=_LARGEST, description="tokens that the net lives before it merges again; null: once"
    )


NetName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9._-]{0,63}$")]
SnapshotId = Annotated[str, Field(pattern="^[0-9]{8}$", examples=["00000002"])]
Children = Annotated[
    list[Annotated[str, Field(pattern="^[a-z0-9*][a-z0-9._*-]{0,63}$")]],
    Field(min_length=1, max_length=1000, fail_fast=True, description="their names, in which * is any signs"),
]


class ChildrenOf(Body):
    """A net, and one of its snapshots; null: any."""

    net: NetName
    snapshot: SnapshotId | None = None


class RebaseChildrenRequest(Body):
    """Children, which go on over a snapshot of this net. What each has learnt itself stays its own."""

    snapshot: SnapshotId
    children: Children = Field(["*"], min_length=1)
    of: ChildrenOf | None = Field(None, description="what they are children of now; null: any snapshot of this net")


class MergeChildrenRequest(Body):
    """Children of a snapshot of this net, each with consent, whose lines are merged into a new snapshot of this net."""

    snapshot: SnapshotId
    children: Children
    name: str | None = Field(None, min_length=1, max_length=100, description="of the new snapshot")


if TYPE_CHECKING:
    _FitOptions = Body
else:
    #: The options of the library, each with its default, its bounds and its description.
    _FitOptions = create_model(
        "_FitOptions",
        __base__=Body,
        **{
            option.name: (get_type_hints(FitOptions)[option.name], Field(option.default, **option.metadata))
            for option in fields(FitOptions)
        },
    )


class FitRequest(_FitOptions):
    """Backpropagation on a fork of the net, in a process of its own; then the fork's synapses come home, or not.

    Null is what was measured to be best for such a net. For a net of tokens texts are one text, without anything
    between them, and so are pairs, each input before its target.
    """

    dataset: DatasetId
    commit: Literal["replace", "rebase", "none"] = Field(
        "rebase",
        description="how it comes home: replace takes the net's place, rebase adds what has changed, so that what the "
        "net has learnt meanwhile stays, none is only a snapshot",
    )
    force: bool = Field(False, description="commit it even if the loss has become worse, of a matrix")
    device: str = Field(
        "cpu", pattern="^(cpu|cuda(:[0-9]{1,2})?)$", description="what computes it: cpu, cuda or cuda:N of the server"
    )

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        FitOptions(**self.options())
        return self

    def options(self) -> dict[str, Any]:
        """Return the arguments of `FitOptions`."""
        return self.model_dump(exclude={"dataset", "commit", "force"})
