"""What a fit of a live net is given: its options say what they are, and what makes no sense is refused."""

from dataclasses import fields
from typing import Annotated, Any, get_type_hints

import numpy as np
import pydantic
import pytest

from realnet import LiveNet
from realnet.fit_options import FitOptions
from realnet.training.live_fit import fit_live
from tests.realnet.library.live_fits import LINE, fit, learners, opposites, tokens_of


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"thinking_steps": 1}, "thinking_steps is 1, must be a number at least 2"),
        ({"accumulation": 0}, "accumulation is 0"),
        ({"learning_rate": 0.0}, "learning_rate is 0"),
        ({"learning_rate": float("nan")}, "learning_rate is nan"),
        ({"pruning_threshold": -1.0}, "pruning_threshold is -1"),
        ({"gradient_decay": 1.0}, "gradient_decay is 1"),
        ({"validation": 1.0}, "validation is 1"),
        ({"validation": 0.0, "patience": 3}, "patience needs a validation part"),
        ({"patience": 0}, "patience is 0"),
        ({"loss": "hinge"}, "loss is 'hinge'"),
        ({"epochs": 10_001}, "epochs is 10001, must be a number at least 1 and at most 10000"),
        ({"epochs": "3"}, "epochs is 3"),
        ({"learning_rate": 11.0}, "learning_rate is 11.0, must be a number above 0 and at most 10"),
        ({"gradient_decay": float("inf")}, "gradient_decay is inf, must be a number at least 0 and below 1"),
        ({"validation": 0.95}, "validation is 0.95"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        FitOptions(**options)


def test_every_option_says_what_it_is_in_the_words_of_pydantic() -> None:
    hints = get_type_hints(FitOptions)
    for each in fields(FitOptions):
        assert each.metadata["description"]
        field = pydantic.Field(each.default, **each.metadata)
        checked: Any = Annotated[hints[each.name], field]  # a type known only as the test runs
        adapter = pydantic.TypeAdapter(checked)
        assert adapter.validate_python(each.default) == each.default
        if "ge" in each.metadata:
            with pytest.raises(pydantic.ValidationError):
                adapter.validate_python(each.metadata["ge"] - 1)


TEXT, INPUTS, TARGETS = tokens_of(LINE), *opposites(10)


@pytest.mark.parametrize(
    ("which", "data", "options", "message"),
    [
        (0, TEXT.astype(float), {}, "must be an array of integers"),
        (0, TEXT[None], {}, "must be an array of integers"),
        (0, (INPUTS, TARGETS), {}, "must be an array of integers"),
        (0, np.array([1, 2, 256]), {}, r"tokens\[2\] must be in 0 to 255"),
        (0, np.array([1, -2, 3]), {}, r"tokens\[1\] must be in 0 to 255"),
        (0, TEXT[:1], {"validation": 0.0}, "1 tokens are too few"),
        (0, TEXT[:4], {}, "4 tokens are too few"),
        (0, TEXT, {"loss": "mse"}, "the loss of a token net must be cross_entropy"),
        (0, TEXT, {"device": "teapot"}, "device 'teapot' is not there"),
        (1, TEXT, {}, "must be two arrays"),
        (1, (INPUTS, TARGETS[:, :1]), {}, r"targets have shape \(10, 1\)"),
        (1, (INPUTS[:, 0], TARGETS), {}, r"inputs have shape \(10,\)"),
        (1, (INPUTS, TARGETS[1:]), {}, "there are 10 inputs and 9 targets"),
        (1, (INPUTS[:0], TARGETS[:0]), {}, "there are 0 inputs"),
        (1, (INPUTS, TARGETS * np.nan), {}, r"targets\[0, 0\] must be in \[0, 1\]"),
        (1, (INPUTS + 1, TARGETS), {}, r"inputs\[\d, \d\] must be in \[0, 1\]"),
        (1, (INPUTS[:3], TARGETS[:3]), {}, "3 pairs are too few"),
    ],
)
def test_data_that_cannot_be_fitted_is_refused(which: int, data: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fit(learners()[which][0], data, **options)


def test_a_net_without_a_learner_is_refused() -> None:
    with pytest.raises(ValueError, match="a checkpoint of kind 'net'"):
        fit_live(LiveNet(7, [0], [1]).checkpoint(), TEXT)
