"""What RealNetTrainer learns, by which gradients, and what it then predicts."""

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from realnet.core.network import RealNet
from realnet.training import RealNetTrainer
from tests.realnet.library.trainers import fit, model_of, same_weights, some_rows, trainer_of

X = [[-1, -1], [-1, 1], [1, -1], [1, 1]]
Y = [[-1], [1], [1], [-1]]


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


on_a_gpu = pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")  # PyTorch's own
@pytest.mark.filterwarnings("ignore:TensorFloat32 tensor cores")
@pytest.mark.parametrize(("dynamics", "tolerance"), [("temporal", 0.01), ("ffwf", 0.05)])
@pytest.mark.parametrize(
    ("device", "compiler"),
    [("cpu", {"backend": "aot_eager"}), pytest.param("cuda", {"mode": "reduce-overhead"}, marks=on_a_gpu)],
    ids=["cpu", "cuda"],
)
def test_a_compiled_fit_in_mixed_precision_is_nearly_the_plain_one_on_the_cpu(
    dynamics: Literal["temporal", "ffwf"], tolerance: float, device: str, compiler: dict[str, Any]
) -> None:
    """On a GPU by CUDA graphs. `ffwf` divides by what may be small, and what bfloat16 rounds is then larger."""
    x, y = some_rows(64)  # four batches of one size
    x = (x + 1) / 2
    plain, mixed = (trainer_of(model_of(dynamics=dynamics), device=where) for where in ("cpu", device))
    mixed.model.compile(dynamic=False, **compiler)  # that it stays uncompiled would be a warning, and here an error
    mixed._backprop._mixed = True
    losses = [fit(trainer, x, y, epochs=5)["loss"] for trainer in (plain, mixed)]
    assert losses[1] == pytest.approx(losses[0], abs=tolerance)
    assert losses[1][-1] < losses[1][0]
    known = [trainer.evaluate(x, y)["loss"] for trainer in (plain, mixed)]  # without gradients: other graphs
    assert known[1] == pytest.approx(known[0], abs=tolerance)
    difference = mixed.predict(x).cpu() - plain.predict(x)
    assert difference.abs().mean() < 2 * tolerance


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
