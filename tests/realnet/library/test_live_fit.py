"""Fits of forks of live nets: what is fitted is what the live net then says."""

from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import numpy as np
import pydantic
import pytest
import torch

from realnet import Checkpoint, FrameLearner, LiveNet, TokenLearner
from realnet.core.state import PRESETS, Preset
from realnet.fit_options import FitOptions
from realnet.training.live_fit import Fitted, fit_live
from realnet.training.token_model import TokenModel

every_preset = pytest.mark.parametrize("preset", PRESETS)
NEURONS = {"literal": 352, "manifesto": 640, "surprise": 768}
LINE = "the cat sat on the mat, and the dog lay by the door. "
Report = dict[str, float]


def reader(preset: Preset = "surprise", text: str = "") -> TokenLearner:
    """A small net that has read the text."""
    learner = TokenLearner.create(preset, NEURONS[preset])
    learner.run(learner.vocabulary.encode(text))
    return learner


def tokens_of(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)


def fit(learner: TokenLearner | FrameLearner, data: Any, **options: Any) -> tuple[Fitted, list[Report]]:
    reports: list[Report] = []
    return fit_live(learner.checkpoint(), data, FitOptions(**options), reports.append), reports


def said_of(checkpoint: Checkpoint, tokens: np.ndarray) -> np.ndarray:
    """(T - 1, V): what the model expects after each token but the last, from nothing in mind."""
    learner, model = TokenLearner.from_checkpoint(checkpoint), TokenModel(checkpoint.params(), checkpoint.state())
    frames, _ = learner.encoder.encode(tokens, learner.encoder.start())
    codes = frames.index.reshape(len(tokens), -1)
    outputs = tokens[:, None] + learner.net.num_neurons - learner.vocabulary.size
    index = torch.from_numpy(np.hstack([codes, outputs])[None].astype(np.int64))
    said: np.ndarray = model(index, model.silence(1))[0][0, :-1].exp().detach().numpy()
    return said


# Texts:


@every_preset
def test_the_fitted_model_says_what_the_frozen_net_says(preset: Preset) -> None:
    learner = reader(preset, LINE * 8)
    dead = np.random.default_rng(0).random((learner.net.num_neurons,) * 2) < 0.1
    learner.net.prune(dead)
    fitted, _ = fit(learner, tokens_of(LINE * 20), epochs=2)
    learner.net.adopt(fitted.weights, alive=fitted.alive)
    tokens = learner.vocabulary.encode("the dog sat by the mat, and the door lay on the cat. ")
    said = said_of(learner.checkpoint(), tokens)
    lived = learner.dream(tokens, plasticity=0.0)
    assert np.abs(said[np.arange(len(said)), tokens[1:]] - lived.probability[1:]).max() < 1e-4
    assert (said.argmax(1) == lived.predicted[1:]).mean() > 0.95
    assert np.ptp(lived.probability) > 0.1


@every_preset
def test_a_text_is_learnt(preset: Preset) -> None:
    learner = reader(preset)
    fitted, _ = fit(learner, tokens_of(LINE * 40), epochs=10)
    assert fitted.before["accuracy"] < 0.2
    assert fitted.after["accuracy"] > 0.8
    learner.net.adopt(fitted.weights)
    lived = learner.run(learner.vocabulary.encode(LINE * 2), plasticity=0.0)
    assert (lived.predicted == lived.token)[len(LINE) :].mean() > 0.8


def test_hidden_neurons_learn_too() -> None:
    learner = reader(text=LINE)
    hidden = slice(learner.net.num_neurons - 256 - 64, learner.net.num_neurons - 256)
    fitted, _ = fit(learner, tokens_of(LINE * 10), epochs=1)
    changed = fitted.weights != fitted.base
    assert changed[:, :64].any()
    assert changed[hidden, :64].any()
    assert changed[hidden, 64:].any()


def test_it_reports_how_far_it_is() -> None:
    fitted, reports = fit(reader(), tokens_of(LINE * 20), epochs=3)
    first, last = reports[0], reports[-1]
    assert first["loss"] == first["validation_loss"] == fitted.before["loss"]
    assert (first["epoch"], first["progress"], last["epoch"], last["progress"]) == (0, 0, 3, 1)
    progress = [each["progress"] for each in reports]
    assert progress == sorted(progress)
    assert len(reports) > 30
    ends = [each for each in reports[1:] if "accuracy" in each]
    assert [each["epoch"] for each in ends] == [1, 2, 3]
    assert all({"loss", "validation_loss", "validation_accuracy"} <= each.keys() for each in ends)
    assert fitted.after["loss"] == min(each["validation_loss"] for each in ends)


def test_the_figures_are_those_of_the_part_that_is_held_out() -> None:
    text = LINE * 20 + "0123456789" * 10
    fitted, _ = fit(reader(), tokens_of(text), validation=100 / len(text))
    assert fitted.before["accuracy"] == 0
    assert fitted.after["accuracy"] == 0
    fitted, reports = fit(reader(), tokens_of(text), validation=0.0)
    assert fitted.after["accuracy"] > 0.5
    assert not any("validation_loss" in each for each in reports)
    assert fitted.epochs == 4


def test_the_weights_are_the_best_epochs_and_patience_ends_it() -> None:
    random = np.random.default_rng(0).integers(97, 123, 600)  # nothing to learn but by heart
    fitted, reports = fit(reader(), random, epochs=500, learning_rate=0.01, patience=3)
    losses = [each["validation_loss"] for each in reports[1:] if "validation_loss" in each]
    assert len(losses) == fitted.epochs + 3 < 500
    assert fitted.after["loss"] == losses[fitted.epochs - 1] == min(losses)


def test_a_file_is_as_good_as_an_array_and_the_seed_decides(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(LINE.encode() * 20)
    learner = reader(text=LINE)
    state = learner.checkpoint().state_sha256()
    of_file, _ = fit(learner, np.memmap(tmp_path / "text", np.uint8, "r"), epochs=1)
    of_array, _ = fit(learner, tokens_of(LINE * 20).astype(np.int64), epochs=1)
    assert np.array_equal(of_file.weights, of_array.weights)
    assert not np.array_equal(fit(learner, tokens_of(LINE * 20), epochs=1, seed=1)[0].weights, of_array.weights)
    assert learner.checkpoint().state_sha256() == state
    assert np.array_equal(of_array.base, learner.checkpoint().state().stored_weights())


# Pairs:


def opposites(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """NOT: a net that is silent when its input is says 0, and that would be wrong."""
    inputs = np.random.default_rng(0).integers(0, 2, (count, 1)).astype(np.float32)
    return np.hstack([inputs, 1 - inputs]), np.hstack([1 - inputs, inputs])


@every_preset
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_pairs_are_learnt_as_a_net_lives_whose_state_is_never_zeroed(preset: Preset, loss: str) -> None:
    learner, (inputs, targets) = FrameLearner.create(2, 2, preset, num_neurons=24), opposites()
    fitted, _ = fit(learner, (inputs, targets), epochs=300, validation=0.2, loss=loss)
    assert fitted.after["accuracy"] == 1
    learner.run(np.ones((3, 2)), plasticity=0.0)
    learner.net.adopt(fitted.weights)
    held = learner.run(inputs.repeat(2, 0), plasticity=0.0).values[1::2]
    assert np.abs(held - targets).max() < 0.5
    teachers = np.full((2 * len(targets), 2), np.nan, np.float32)
    teachers[1::2] = targets
    live = learner.run(inputs.repeat(2, 0), teachers).values[1::2]
    assert np.abs(live - targets).max() < 0.5


def test_graded_targets_have_no_accuracy() -> None:
    inputs = np.random.default_rng(0).random((50, 2)).astype(np.float32)
    fitted, reports = fit(FrameLearner.create(2, 1, num_neurons=10), (inputs, inputs[:, :1] * 0.5), epochs=200)
    assert fitted.after["loss"] < 0.01 < fitted.before["loss"]
    assert not any("accuracy" in name for each in reports for name in each)


def test_inputs_may_be_held_for_longer() -> None:
    learner, (inputs, targets) = FrameLearner.create(2, 2, "literal", num_neurons=12), opposites()
    fitted, _ = fit(learner, (inputs, targets), epochs=300, thinking_steps=4)
    learner.net.adopt(fitted.weights)
    held = learner.run(inputs.repeat(4, 0), plasticity=0.0).values[3::4]
    assert np.abs(held - targets).max() < 0.5


# Both:


def learners() -> list[tuple[TokenLearner | FrameLearner, Any]]:
    return [(reader(text=LINE), tokens_of(LINE * 10)), (FrameLearner.create(2, 2, num_neurons=30), opposites())]


@pytest.mark.parametrize("which", [0, 1])
def test_the_dead_stay_dead_and_the_weak_die(which: int) -> None:
    learner, data = learners()[which]
    learner.net.prune(np.random.default_rng(0).random((learner.net.num_neurons,) * 2) < 0.2)
    dead = ~learner.checkpoint().arrays["alive"]
    fitted, _ = fit(learner, data, epochs=2)
    assert not fitted.weights[dead].any()
    fitted, _ = fit(learner, data, epochs=2, pruning_threshold=0.01)
    assert fitted.alive is not None
    assert not fitted.alive[dead].any()
    assert (~fitted.alive).sum() > dead.sum()
    assert not fitted.weights[~fitted.alive].any()
    assert (np.abs(fitted.weights[fitted.alive]) > 0).mean() > 0.9


@pytest.mark.parametrize("which", [0, 1])
def test_batches_are_accumulated(which: int) -> None:
    learner, data = learners()[which]
    # The first update of AdamW moves each weight by the learning rate at most, and by its decay.
    once, _ = fit(learner, data, epochs=1, batch_size=8, accumulation=1024, learning_rate=1e-3)
    often, _ = fit(learner, data, epochs=1, batch_size=8, learning_rate=1e-3)
    moved = [np.abs(each.weights - each.base).max() for each in (once, often)]
    assert 0 < moved[0] < 2e-3 < moved[1]


@pytest.mark.parametrize("which", [0, 1])
def test_a_share_of_the_last_gradient_comes_again(which: int) -> None:
    learner, data = learners()[which]
    plain, ghosts = (fit(learner, data, epochs=1, gradient_decay=decay)[0] for decay in (0.0, 0.5))
    assert not np.array_equal(plain.weights, ghosts.weights)


@pytest.mark.parametrize("which", [0, 1])
def test_weights_stay_in_their_range(which: int) -> None:
    learner, data = learners()[which]
    fitted, _ = fit(learner, data, epochs=3, learning_rate=1.0, validation=0.0)
    assert np.abs(fitted.weights).max() == 2


def test_what_report_raises_ends_the_fit() -> None:
    def refuse(figures: Report) -> None:
        if figures["progress"] > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit_live(reader().checkpoint(), tokens_of(LINE), report=refuse)


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
