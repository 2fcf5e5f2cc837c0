"""What may be asked of a job."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

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


class FitRequest(Body):
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
    force: bool = Field(False, description="commit it even if the loss has become worse")
    epochs: int | None = Field(
        None, ge=1, le=10_000, description="passes over the data; if not given, as many as suit it"
    )
    batch_size: int | None = Field(
        None, ge=1, le=65_536, description="tokens or rows of a gradient; if not given, what suits the net"
    )
    thinking_steps: int = Field(2, ge=2, le=64, description="ticks for a row, of a net of frames")
    learning_rate: float | None = Field(
        None, gt=0.0, le=10.0, allow_inf_nan=False, description="of the optimizer; if not given, what suits the net"
    )
    gradient_decay: float = Field(
        0.0, ge=0.0, lt=1.0, allow_inf_nan=False, description="share of a gradient that is added to the next one's"
    )
    accumulation: int = Field(1, ge=1, le=1024, description="batches of an update")
    pruning_threshold: float = Field(
        0.0, ge=0.0, le=2.0, allow_inf_nan=False, description="synapses weaker than this die after each epoch"
    )
    loss: Literal["mse", "cross_entropy"] | None = Field(
        None, description="what is made small; if not given, cross_entropy of tokens and mse of frames"
    )
    validation: float = Field(0.1, ge=0.0, le=0.9, allow_inf_nan=False, description="share of the items held out")
    patience: int | None = Field(
        None, ge=1, le=10_000, description="epochs without a better loss before it ends; if not given, it does not"
    )
    device: str = Field(
        "cpu", pattern="^(cpu|cuda(:[0-9]{1,2})?)$", description="what computes it: cpu, cuda or cuda:N of the server"
    )
    seed: int = Field(0, ge=0, le=_LARGEST, description="what the order of the data is drawn from")

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.patience is not None and not self.validation:
            raise ValueError("patience needs a validation part")
        return self

    def options(self) -> dict[str, Any]:
        """Those of `realnet.fit_options.FitOptions`."""
        return self.model_dump(exclude={"dataset", "commit", "force"})
