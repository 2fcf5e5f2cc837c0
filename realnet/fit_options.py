"""What may be chosen of a fit: each option once, with its default, its bounds and what it is.

A request and a command line are made from it: `dataclasses.fields(FitOptions)`, and of each `metadata`, whose names are
those of pydantic's `Field` (`ge`, `gt`, `le`, `lt`, `description`). It needs no PyTorch.
"""

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from realnet.core.checks import check_bounds


def check_options(options: Any) -> None:
    """Raise ValueError, naming the option, if a number is outside the bounds in its metadata; None is what suits."""
    for each in fields(options):
        bounds = {name: bound for name, bound in each.metadata.items() if name != "description"}
        if bounds and (value := getattr(options, each.name)) is not None:
            check_bounds(each.name, value, bounds)


def _option(default: Any, description: str, **bounds: float) -> Any:
    return field(default=default, metadata={"description": description, **bounds})


@dataclass(frozen=True, slots=True)
class FitOptions:
    """What is chosen of a fit of a live net. A ValueError names what is wrong.

    Of a token net each token takes one tick. Of a net of frames an input is held for `thinking_steps` ticks, and the
    last one's answer counts; at least 2, since what comes in reaches the outputs at the next tick. What is held out is
    the end of a text, and of pairs a part drawn by the seed; it says something if it is new to the net.
    """

    epochs: int | None = _option(None, "passes over the data; if not given, as many as suit it", ge=1, le=10_000)
    batch_size: int | None = _option(
        None, "tokens or pairs of a gradient; if not given, what suits the net", ge=1, le=65_536
    )
    thinking_steps: int = _option(2, "ticks for a pair, of a net of frames", ge=2, le=64)
    learning_rate: float | None = _option(None, "of the optimizer; if not given, what suits the net", gt=0.0, le=10.0)
    gradient_decay: float = _option(0.0, "share of a gradient that is added to the next one's", ge=0.0, lt=1.0)
    accumulation: int = _option(1, "batches of an update", ge=1, le=1024)
    pruning_threshold: float = _option(0.0, "synapses weaker than this die after each epoch", ge=0.0, le=2.0)
    loss: Literal["mse", "cross_entropy"] | None = _option(
        None, "what is made small; if not given, cross_entropy of tokens, which know no other, and mse of frames"
    )
    validation: float = _option(0.1, "share of the data that is held out", ge=0.0, le=0.9)
    patience: int | None = _option(
        None,
        "epochs without a lower loss on what is held out, then the fit ends; if not given, it does not",
        ge=1,
        le=10_000,
    )
    device: str = _option("cpu", "what computes it: cpu, cuda or cuda:N")
    seed: int = _option(0, "what the order of the data is drawn from", ge=0, le=2**31 - 1)

    def __post_init__(self) -> None:
        check_options(self)
        if self.loss not in (None, "mse", "cross_entropy"):
            raise ValueError(f"loss is {self.loss!r}, must be mse or cross_entropy")
        if self.patience is not None and not self.validation:
            raise ValueError("patience needs a validation part")
