"""SparseRealNet: the same states from the living synapses alone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from realnet import RealNet, SparseRealNet, SynapticPruner
from realnet.core.state import PRESETS

KINDS: list[dict[str, Any]] = [{}, *({"dynamics": "ffwf", "preset": preset} for preset in PRESETS)]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


def pruned(kind: dict[str, Any], pulse: bool = True) -> RealNet:
    model = RealNet(60, range(5, 20), [0, 59, 30], pulse, dropout_rate=0.3, seed=0, **kind)
    with torch.no_grad():
        model.W.normal_(0, 0.3, generator=torch.Generator().manual_seed(1))
        if model.B is not None:
            model.B.normal_(0, 0.3)
    SynapticPruner.prune_to(model, 0.8)
    return model.eval()


@every_kind
@pytest.mark.parametrize("pulse", [True, False])
@pytest.mark.parametrize("batch", [1, 7])
def test_it_says_what_the_dense_net_says(kind: dict[str, Any], pulse: bool, batch: int) -> None:
    model = pruned(kind, pulse)
    sparse = SparseRealNet.from_dense(model)
    x = torch.rand(batch, 4, 15)
    states, final = model(x, steps=10)
    states_too, final_too = sparse(x, steps=10)
    assert torch.allclose(states_too, states, atol=1e-5)
    assert torch.allclose(final_too, final, atol=1e-5)
    assert torch.allclose(sparse(x[:, 0], 5, final)[0], model(x[:, 0], 5, final)[0], atol=1e-5)
    assert torch.equal(sparse.outputs(final), model.outputs(final))


def test_it_keeps_no_dense_copy_and_is_not_the_models() -> None:
    model = pruned({})
    sparse = model.make_sparse()
    sizes = [tensor.numel() for tensor in sparse.state_dict().values()]
    assert sum(sizes) == 2 * 720 + 61 + 60  # weights and sources, row_starts, B
    assert sparse.density == pytest.approx(0.2)
    x = torch.ones(1, 15)
    before = sparse(x, 5)[0]
    with torch.no_grad():
        model.W.zero_()
        assert model.B is not None
        model.B.fill_(1.0)
    assert torch.equal(sparse(x, 5)[0], before)


def test_it_refuses_to_train() -> None:
    sparse = pruned({}).make_sparse()
    assert not list(sparse.parameters())
    assert not sparse(torch.ones(1, 15, requires_grad=True), 3)[0].requires_grad
    with pytest.raises(ValueError, match="for inference only"):
        sparse.train()
    assert not sparse.eval().training


@pytest.mark.parametrize("wrong", [torch.nn.Linear(2, 2), pruned({}).make_sparse()])
def test_it_is_made_of_a_realnet_only(wrong: Any) -> None:
    with pytest.raises(ValueError, match="takes a RealNet"):
        SparseRealNet.from_dense(wrong)


@every_kind
def test_save_and_load_give_the_same_net(kind: dict[str, Any], tmp_path: Path) -> None:
    sparse = pruned(kind).make_sparse()
    sparse.save(tmp_path / "net.safetensors")
    loaded = SparseRealNet.load(tmp_path / "net.safetensors")
    x = torch.rand(3, 15)
    assert torch.equal(loaded(x, 6)[0], sparse(x, 6)[0])
    assert loaded.params == sparse.params
    assert not loaded.training


def test_a_net_of_dead_synapses_only() -> None:
    model = pruned({})
    model.prune_synapses(100.0)
    x = torch.ones(2, 15)
    assert torch.allclose(model.make_sparse()(x, 3)[0], model(x, 3)[0], atol=1e-5)
