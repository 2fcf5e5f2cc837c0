"""Fits of forks of live nets: what is fitted is what the live net then says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from realnet import Checkpoint, FrameLearner, TokenLearner
from realnet.core.state import PRESETS, Preset
from realnet.training.live_fit import fit_live
from realnet.training.token_model import TokenModel
from tests.realnet.library.live_fits import LINE, Report, fit, learners, opposites, reader, tokens_of

every_preset = pytest.mark.parametrize("preset", PRESETS)


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
    checkpoint = learner.checkpoint()
    said = said_of(checkpoint, tokens)
    checkpoint.arrays["gains"][:] = 1  # by which a learner, and no model, makes it more or less sure
    lived = TokenLearner.from_checkpoint(checkpoint).dream(tokens, plasticity=0.0)
    assert np.abs(said[np.arange(len(said)), tokens[1:]] - lived.probability[1:]).max() < 1e-4
    assert (said.argmax(1) == lived.predicted[1:]).mean() > 0.95
    assert np.ptp(lived.probability) > 0.1


@every_preset
def test_a_text_is_learnt(preset: Preset) -> None:
    learner = reader(preset)
    fitted, _ = fit(learner, tokens_of(LINE * 40), epochs=6)
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


@pytest.mark.long
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


@every_preset
@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_pairs_are_learnt_as_a_net_lives_whose_state_is_never_zeroed(preset: Preset, loss: str) -> None:
    learner, (inputs, targets) = FrameLearner.create(2, 2, preset, num_neurons=24), opposites()
    fitted, _ = fit(learner, (inputs, targets), epochs=150, validation=0.2, loss=loss)
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
