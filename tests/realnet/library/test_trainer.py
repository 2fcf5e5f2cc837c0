"""RealNetTrainer: what it learns, that it can be stopped anywhere, and what it refuses."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from realnet.core.network import RealNet
from realnet.training import RealNetTrainer

X = [[-1, -1], [-1, 1], [1, -1], [1, 1]]
Y = [[-1], [1], [1], [-1]]


def model_of(seed: int = 0, **options: Any) -> RealNet:
    """4 inputs, 5 hidden neurons, 3 outputs."""
    return RealNet(12, range(4), range(9, 12), seed=seed, **options)


def trainer_of(model: RealNet | None = None, **options: Any) -> RealNetTrainer:
    return RealNetTrainer(model_of() if model is None else model, **({"seed": 1} | options))


def some_rows(rows: int = 60, seed: int = 3) -> tuple[Tensor, Tensor]:
    """Three classes, by the largest of the first three features."""
    x = torch.rand(rows, 4, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return x, x[:, :3].argmax(1)


def fit(trainer: RealNetTrainer, *data: Any, **options: Any) -> dict[str, list[float]]:
    return trainer.fit(*(data or some_rows()), **({"epochs": 8, "batch_size": 16, "progress": False} | options))


def same_weights(one: RealNetTrainer, other: RealNetTrainer) -> bool:
    state, others = one.model.state_dict(), other.model.state_dict()
    return all(torch.equal(value, others[name]) for name, value in state.items())


def gradient_after(accumulation: int, batch: int, *, mask: Tensor | None = None, full: bool = False) -> Tensor:
    """The gradient with which an optimizer that changes nothing is called, once."""
    model = model_of()
    seen: list[Tensor] = []

    class Watcher(torch.optim.SGD):
        def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
            seen.append(model.W.grad.clone())  # type: ignore[union-attr]

    trainer = RealNetTrainer(model, Watcher(model.parameters(), lr=0.0))
    x, y = some_rows(32)
    if full:
        y = y[:, None].expand(-1, 5)
    for start in range(0, 32, batch):
        part = slice(start, start + batch)
        chosen = None if mask is None else mask[part]
        trainer.train_batch(x[part], y[part], 5, accumulation, mask=chosen, full_sequence=full)
    assert len(seen) == 1
    return seen[0]


def test_four_accumulated_batches_of_8_are_one_of_32() -> None:
    assert (gradient_after(4, 8) - gradient_after(1, 32)).abs().max() < 1e-6


def test_unequal_batches_count_by_their_rows() -> None:
    whole = gradient_after(1, 32)
    assert (gradient_after(3, 13) - whole).abs().max() < 1e-6  # 13, 13 and 6
    mask = torch.rand(32, 5, generator=torch.Generator().manual_seed(0)) < 0.3
    mask[:8] = False  # the first of four batches has nothing that counts
    masked = gradient_after(4, 8, mask=mask, full=True)
    assert (masked - gradient_after(1, 32, mask=mask, full=True)).abs().max() < 1e-6


def test_ghost_gradients_are_a_decaying_echo() -> None:
    """g_t = gradient + decay * g_(t-1), as if `zero_grad` had left a share of it."""
    x, y = some_rows(16)
    model, twin = model_of(), model_of()
    trainer = RealNetTrainer(model, torch.optim.SGD(model.parameters(), lr=0.1), gradient_decay=0.5)
    optimizer = torch.optim.SGD(twin.parameters(), lr=0.1)
    wanted = 2.0 * nn.functional.one_hot(y, 3) - 1
    for _ in range(5):
        trainer.train_batch(x, y, thinking_steps=3)
        nn.functional.mse_loss(twin.outputs(twin(x, 3)[1]), wanted).backward()
        optimizer.step()
        for parameter in twin.parameters():
            assert parameter.grad is not None
            parameter.grad *= 0.5
    assert torch.allclose(model.W, twin.W, atol=1e-6)


def test_xor_as_in_the_document() -> None:
    right = []
    for seed in range(3):
        torch.manual_seed(seed)
        trainer = RealNetTrainer(RealNet(3, [0, 1], [2]), gradient_decay=0.1)
        trainer.fit(X, Y, epochs=100, thinking_steps=5, progress=False)
        right.append(bool((trainer.predict(X, 5).sign() == torch.tensor(Y)).all()))
    assert right == [True] * 3


@pytest.mark.parametrize("loss_fn", [None, nn.CrossEntropyLoss()])
@pytest.mark.parametrize("dynamics", ["temporal", "ffwf"])
def test_classes_are_learnt(dynamics: Any, loss_fn: Any) -> None:
    x, y = some_rows(300)
    trainer = trainer_of(model_of(dynamics=dynamics), loss_fn=loss_fn)
    x = x if dynamics == "temporal" else (x + 1) / 2
    untrained = trainer.evaluate(x, y)
    history = fit(trainer, x[:200], y[:200], epochs=40, validation_data=(x[200:], y[200:]))
    assert untrained["accuracy"] < 0.6
    assert history["val_accuracy"][-1] > 0.9
    assert history["loss"][-1] < untrained["loss"]
    assert set(history) == {"loss", "dead", "val_loss", "val_accuracy"}
    assert {len(figures) for figures in history.values()} == {40}
    assert trainer.evaluate(x[200:], y[200:])["loss"] == pytest.approx(history["val_loss"][-1])


def test_class_numbers_are_one_hot_rows_to_the_default_loss() -> None:
    x, y = some_rows()
    one, other = trainer_of(), trainer_of()
    fit(one, x, y)
    fit(other, x.tolist(), (2 * nn.functional.one_hot(y, 3) - 1).numpy())
    assert same_weights(one, other)
    assert one.evaluate(x, y) == other.evaluate(x, 2 * nn.functional.one_hot(y, 3) - 1)


def test_values_have_no_accuracy() -> None:
    trainer = trainer_of()
    assert set(trainer.evaluate(some_rows()[0], torch.rand(60, 3))) == {"loss"}


def test_a_full_sequence_is_scored_at_every_step_that_counts() -> None:
    """One step late: a neuron hears of an input at the next step."""
    x = torch.rand(80, 6, 4, generator=torch.Generator().manual_seed(0)) * 1.6 - 0.8
    wanted = torch.zeros(80, 6, 3)
    wanted[:, 1:] = x[:, :-1, :3]
    mask = [False] + [True] * 5
    trainer = trainer_of()
    before = trainer.evaluate(x, wanted, 6, mask=mask, full_sequence=True)["loss"]
    fit(trainer, x, wanted, mask=mask, epochs=60, thinking_steps=6, full_sequence=True)
    after = trainer.evaluate(x, wanted, 6, mask=mask, full_sequence=True)["loss"]
    assert after < 0.1 * before
    said = trainer.predict(x, 6, full_sequence=True)
    assert said.shape == (80, 6, 3)
    assert after == pytest.approx(float(nn.functional.mse_loss(said[:, 1:], wanted[:, 1:])), rel=1e-5)


def test_class_numbers_of_a_full_sequence() -> None:
    x, y = some_rows()
    for loss_fn in (None, nn.CrossEntropyLoss()):
        trainer = trainer_of(loss_fn=loss_fn)
        fit(trainer, x, y[:, None].expand(-1, 4), thinking_steps=4, full_sequence=True, mask=[0, 1, 1, 1], epochs=40)
        figures = trainer.evaluate(x, y[:, None].expand(-1, 4), 4, full_sequence=True, mask=[0, 0, 0, 1])
        assert figures["accuracy"] > 0.8


def test_a_data_loader_in_the_place_of_arrays() -> None:
    x, y = some_rows()
    loader = DataLoader(TensorDataset(x, y), batch_size=16, shuffle=True)
    one, other = trainer_of(), trainer_of()
    for trainer in (one, other):
        torch.rand(1)  # wherever the caller's generator is
        history = trainer.fit(loader, epochs=30, validation_data=loader, progress=False)
        assert history["val_accuracy"][-1] > 0.8
    assert same_weights(one, other)
    assert one.evaluate(loader) == pytest.approx(one.evaluate(x, y))


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


def test_predict_uses_no_dropout_and_changes_nothing() -> None:
    trainer = trainer_of(model_of(dropout_rate=0.9))
    x, _ = some_rows()
    before = trainer.state_dict()
    said = trainer.predict(x.numpy(), thinking_steps=10)
    assert said.shape == (60, 3)
    assert not said.requires_grad
    assert torch.equal(said, trainer.predict(x.tolist(), thinking_steps=10))
    assert torch.equal(said[:1], trainer.predict(x[:1], 10)) or torch.allclose(said[:1], trainer.predict(x[:1], 10))
    assert torch.equal(before["model"]["W"], trainer.model.W)
    assert trainer.model.training


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


def test_mixed_precision_keeps_weights_and_answers_in_float32() -> None:
    """It is for GPUs; the CPU's bfloat16 stands in for theirs."""
    x, y = some_rows(200)
    trainer = trainer_of()
    assert not trainer._backprop._mixed
    trainer._backprop._mixed = True
    fit(trainer, x, y, epochs=40)
    assert trainer.model.W.dtype == torch.float32
    assert trainer.predict(x).dtype == torch.float32
    assert trainer.evaluate(x, y)["accuracy"] > 0.9


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu_a_fit_learns_and_is_resumed() -> None:
    x, y = some_rows(200)
    whole, stopped = (trainer_of(model_of(dropout_rate=0.05), device="cuda", input_noise=0.05) for _ in range(2))
    fit(whole, x, y, epochs=40)
    fit(stopped, x, y, epochs=40, on_epoch=lambda figures: figures["loss"] < 0.5)
    fit(stopped, x, y, epochs=40, resume=True)
    assert whole.evaluate(x, y)["accuracy"] > 0.9
    assert torch.allclose(whole.model.W, stopped.model.W, atol=1e-4)
