"""The course of a trainer's fits: reproduced, resumed, pruned, ended early, and refused."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from realnet.core.network import RealNet
from realnet.training import RealNetTrainer
from tests.realnet.library.trainers import fit, model_of, same_weights, some_rows, trainer_of


@pytest.mark.parametrize("options", [{}, {"input_noise": 0.2}])
def test_a_seed_reproduces_and_the_callers_generator_stays(options: dict[str, Any]) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    trainers = [trainer_of(model_of(dropout_rate=0.2), **options) for _ in range(2)]
    for trainer in trainers:
        fit(trainer)
    assert torch.equal(torch.get_rng_state(), before)
    assert same_weights(*trainers)
    another = trainer_of(model_of(dropout_rate=0.2), seed=2, **options)
    fit(another)
    assert not same_weights(trainers[0], another)


def test_without_seeds_the_global_one_reproduces() -> None:
    trainers = []
    for _ in range(2):
        torch.manual_seed(11)
        trainers.append(RealNetTrainer(RealNet(12, range(4), range(9, 12))))
        fit(trainers[-1])
    assert same_weights(*trainers)


def test_a_fit_is_resumed_to_the_same_weights() -> None:
    """Through a file, with all that has a memory: dropout, noise, ghosts, pruning, schedule, patience."""
    plan = {"epochs": 10, "target_sparsity": 0.5, "patience": 9, "gradient_accumulation_steps": 3}
    made = {"gradient_decay": 0.3, "input_noise": 0.1}
    whole = trainer_of(model_of(dropout_rate=0.1), **made)
    fit(whole, **plan)
    stopped = trainer_of(model_of(dropout_rate=0.1), **made)
    fit(stopped, **plan, on_epoch=lambda figures: figures["dead"] > 0.3)
    state = stopped.state_dict()
    reached = len(stopped.history["loss"])
    assert 1 <= reached < 10
    resumed = trainer_of(model_of(dropout_rate=0.1, seed=9), seed=9, **made)
    resumed.load_state_dict(state)
    for trainer in (resumed, stopped):
        fit(trainer, **plan, resume=True)
        assert same_weights(whole, trainer)
        assert trainer.history == whole.history
    fit(resumed, epochs=1)
    assert len(state["history"]["loss"]) == reached  # a state is a copy


def test_a_state_within_a_window_of_accumulation() -> None:
    x, y = some_rows(32)
    whole, stopped = trainer_of(), trainer_of()
    for trainer in (whole, stopped):
        trainer.train_batch(x[:16], y[:16], 5, 2)
    resumed = trainer_of(model_of(seed=4))
    resumed.load_state_dict(stopped.state_dict())
    for trainer in (whole, resumed):
        trainer.train_batch(x[16:], y[16:], 5, 2)
    assert same_weights(whole, resumed)
    assert not same_weights(whole, stopped)


def test_patience_ends_a_fit_and_takes_the_best_weights_back() -> None:
    x, y = some_rows(20)
    x_new, y_new = some_rows(40, seed=8)
    trainer = trainer_of(learning_rate=0.5)
    history = fit(trainer, x, y, epochs=200, validation_data=(x_new, y_new), patience=5)
    losses = history["val_loss"]
    assert len(losses) == losses.index(min(losses)) + 6
    assert trainer.evaluate(x_new, y_new)["loss"] == pytest.approx(min(losses))


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_dead_synapses_stay_dead(decay: float) -> None:
    model = model_of()
    trainer = trainer_of(model, gradient_decay=decay)
    history = fit(trainer, epochs=10, target_sparsity=0.75, gradient_accumulation_steps=2)
    assert history["dead"] == sorted(history["dead"])
    assert history["dead"][7:] == [0.75] * 3
    dead = ~model.alive
    assert dead.sum() == 108
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    fit(RealNetTrainer(model, optimizer, gradient_decay=decay))
    assert (model.W[dead] == 0).all()
    assert (model.W[~dead] != 0).all()


def test_pruning_by_threshold_happens_every_epoch() -> None:
    model = model_of()
    history = fit(trainer_of(model), epochs=5, pruning_threshold=0.05)
    assert 0 < history["dead"][0] <= history["dead"][-1] < 1
    assert history["dead"] == sorted(history["dead"])
    assert (model.W[model.alive].abs() >= 0.05).all()


def test_patience_prefers_no_net_that_is_still_to_be_pruned() -> None:
    model = model_of()
    fit(trainer_of(model), epochs=10, target_sparsity=0.9, patience=3)
    assert float((~model.alive).float().mean()) == pytest.approx(0.9, abs=0.01)


def test_the_learning_rate_falls_at_the_end_of_a_fit_only() -> None:
    trainer = trainer_of()
    group = trainer.optimizer.param_groups[0]
    rates: list[float] = []
    trainer.optimizer.register_step_pre_hook(lambda *_: rates.append(group["lr"]))
    fit(trainer, epochs=10)
    assert rates == sorted(rates, reverse=True)
    assert rates[: len(rates) // 2] == [0.25 / 12] * 20
    assert 0 < rates[-1] < 0.1 * rates[0]
    assert group["lr"] == rates[0]
    rates.clear()
    fit(trainer, epochs=10, schedule=False)
    assert set(rates) == {0.25 / 12}


def test_a_bar_is_shown_on_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    fit(trainer_of(), epochs=3, progress=True)
    shown = capfd.readouterr()
    assert "3/3" in shown.err
    assert not shown.out


ROWS, CLASSES = some_rows(8)
NAN = torch.full((8, 4), float("nan"))


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((ROWS[:, :3], CLASSES), {}, "shape"),
        ((ROWS, CLASSES[:5]), {}, "5 target_values for 8"),
        ((ROWS[:0], CLASSES[:0]), {}, "empty"),
        (([], []), {}, "empty"),
        ((NAN, CLASSES), {}, "finite"),
        ((ROWS, NAN[:, :3]), {}, "finite"),
        ((ROWS, CLASSES + 1), {}, "0 to 2"),
        ((ROWS, CLASSES + 0.5), {}, "0 to 2"),
        ((ROWS, torch.zeros(8, 2)), {}, "target_values have shape"),
        ((ROWS, None), {}, "missing"),
        ((ROWS, [[1, 2], [3]]), {}, "target_values"),
        ((ROWS, "no"), {}, "target_values"),
        ((ROWS, CLASSES), {"thinking_steps": 0}, "thinking_steps is 0"),
        ((ROWS[:, None].expand(-1, 7, -1), CLASSES), {}, "7 items"),
        ((ROWS, CLASSES), {"mask": [1] * 5}, "full_sequence"),
        ((ROWS, CLASSES[:, None].expand(-1, 5)), {"full_sequence": True, "mask": [1] * 4}, "mask has shape"),
        ((ROWS, CLASSES), {"full_sequence": True}, "target_values have shape"),
        ((ROWS, CLASSES), {"epochs": 0}, "epochs"),
        ((ROWS, CLASSES), {"batch_size": 0}, "batch_size"),
        ((ROWS, CLASSES), {"gradient_accumulation_steps": 0}, "gradient_accumulation_steps"),
        ((ROWS, CLASSES), {"patience": 0}, "patience"),
        ((ROWS, CLASSES), {"pruning_threshold": -1.0}, "pruning_threshold"),
        ((ROWS, CLASSES), {"target_sparsity": 1.0}, "target_sparsity"),
        ((ROWS, CLASSES), {"target_sparsity": 0.5, "pruning_threshold": 0.1}, "not both"),
        ((ROWS, CLASSES), {"validation_data": ROWS}, "validation_data"),
        ((ROWS, CLASSES), {"validation_data": (ROWS, CLASSES[:2])}, "target_values"),
        ((ROWS, CLASSES), {"resume": True}, "no fit to resume"),
        ((DataLoader(TensorDataset(ROWS, CLASSES)), CLASSES), {}, "DataLoader"),
    ],
)
def test_fit_refuses_with_one_clear_error_before_anything_changed(
    arguments: tuple[Any, ...], options: dict[str, Any], message: str
) -> None:
    trainer, untouched = trainer_of(), trainer_of()
    with pytest.raises(ValueError, match=message):
        fit(trainer, *arguments, **options)
    assert same_weights(trainer, untouched)
    assert trainer.history == {}


def test_what_else_is_refused() -> None:
    model, other = model_of(), model_of()
    for options in (
        {"gradient_decay": 1.0},
        {"gradient_decay": float("nan")},
        {"input_noise": -1.0},
        {"learning_rate": 0.0},
        {"learning_rate": 0.1, "optimizer": torch.optim.SGD(model.parameters())},
        {"optimizer": torch.optim.SGD(other.parameters())},
        {"device": "nowhere"},
        {"seed": -1},
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            RealNetTrainer(model, **options)
    with pytest.raises(ValueError, match="must be a RealNet"):
        RealNetTrainer(model.make_sparse())  # type: ignore[arg-type]
    trainer = trainer_of()
    with pytest.raises(ValueError, match="gradient_accumulation_steps"):
        trainer.train_batch(ROWS, CLASSES, 5, 0)
    unfit: list[Tensor | list[float]] = [NAN, ROWS[:, :2], [], ROWS[:0]]
    for features in unfit:
        with pytest.raises(ValueError, match=r"input_features|x_input"):
            trainer.predict(features)
    with pytest.raises(ValueError, match="steps"):
        trainer.predict(ROWS, 0)


def test_a_fit_is_resumed_with_its_own_number_of_epochs() -> None:
    trainer = trainer_of()
    fit(trainer, epochs=5, on_epoch=lambda figures: True)
    with pytest.raises(ValueError, match="epochs is 6"):
        fit(trainer, epochs=6, resume=True)
    fit(trainer, epochs=5, resume=True)
    with pytest.raises(ValueError, match="no fit to resume"):
        fit(trainer, epochs=5, resume=True)
