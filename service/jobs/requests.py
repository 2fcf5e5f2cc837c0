"""What may be asked of a job."""

from typing import Annotated, Any, Literal, Self

from annotated_types import Ge, Le
from pydantic import Field, model_validator

from service.validation import Body

DatasetId = Annotated[str, Field(min_length=1, max_length=64)]


class DreamRequest(Body):
    """A data set, lived through with its targets forced on the outputs."""

    dataset: DatasetId
    epochs: Annotated[int, Ge(1), Le(10_000)] = 1
    ticks_per_item: Annotated[int, Ge(2), Le(64)] = Field(2, description="of a net of frames; of tokens each has one")
    input: Literal["pulse", "held"] = Field("pulse", description="of frames: at the first tick of an item, or at all")
    share: float = Field(0.5, gt=0.0, le=1.0, description="of the ticks, while clients stream")
    validation: float = Field(0.0, ge=0.0, le=0.9, description="of the items, the last ones: asked, never learnt")
    seed: Annotated[int, Ge(0), Le(2**31 - 1)] = Field(0, description="of the order of items")


class SleepRequest(Body):
    """What the net lived through, again, in random pieces."""

    ticks: Annotated[int, Ge(1), Le(2**31 - 1), Field(description="null: four for each lived since")] | None = None
    rate: Annotated[float, Field(gt=0.0, le=1.0, description="times the learning rate")] = 0.1
    seed: Annotated[int, Ge(0), Le(2**31 - 1)] = 0


class FitRequest(Body):
    """Backpropagation on a fork of the net, in a process of its own; then the fork's synapses come home, or not.

    Null is what was measured to be best for such a net. For a net of tokens texts are one text, without anything
    between them, and so are pairs, each input before its target.
    """

    dataset: DatasetId
    commit: Literal["replace", "rebase", "none"] = Field(
        "rebase", description="rebase: as changes, so that what the net has learnt meanwhile stays; none: as a snapshot"
    )
    force: bool = Field(False, description="commit it even if the loss has become worse")
    epochs: Annotated[int, Ge(1), Le(10_000)] | None = None
    batch_size: Annotated[int, Ge(1), Le(65_536)] | None = None
    thinking_steps: Annotated[int, Ge(2), Le(64)] = Field(2, description="ticks for a row, of a net of frames")
    learning_rate: Annotated[float, Field(gt=0.0, le=10.0, allow_inf_nan=False)] | None = None
    gradient_decay: float = Field(0.0, ge=0.0, lt=1.0, allow_inf_nan=False)
    accumulation: Annotated[int, Ge(1), Le(1024)] = 1
    pruning_threshold: float = Field(0.0, ge=0.0, le=2.0, allow_inf_nan=False)
    loss: Literal["mse", "cross_entropy"] | None = None
    validation: float = Field(0.1, ge=0.0, le=0.9, allow_inf_nan=False, description="of the items, held out")
    patience: Annotated[int, Ge(1), Le(10_000), Field(description="epochs without a better loss")] | None = None
    device: Annotated[str, Field(pattern="^(cpu|cuda(:[0-9]{1,2})?)$")] = "cpu"
    seed: Annotated[int, Ge(0), Le(2**31 - 1)] = 0

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.patience is not None and not self.validation:
            raise ValueError("patience needs a validation part")
        return self

    def options(self) -> dict[str, Any]:
        """Those of `realnet.fit_options.FitOptions`."""
        return self.model_dump(exclude={"dataset", "commit", "force"})
