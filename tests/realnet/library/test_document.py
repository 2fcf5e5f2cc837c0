"""Every code block of the library's document runs as printed, with 'cuda' replaced by 'cpu', one after the other."""

import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import torch

from realnet import RealNet, SparseRealNet

DOCUMENT = (Path(__file__).parent / "document.txt").read_text()
BLOCKS = [dedent(block) for block in re.findall(r"^ *```python\n(.*?)^ *```", DOCUMENT, re.M | re.S)]


def test_every_block_runs_as_printed() -> None:
    torch.manual_seed(0)
    x = torch.rand(64, 2) * 2 - 1
    y = x[:, :1] * x[:, 1:]
    names: dict[str, Any] = {"X": x, "Y": y, "x": x[:32], "y": y[:32], "X_train": x, "Y_train": y}  # the reader's own
    create, to_sparse, make_trainer, fit, accumulate, xor, evolve = BLOCKS

    def run(block: str) -> None:
        exec(block.replace("'cuda'", "'cpu'"), names)

    run(create)
    assert isinstance(names["model"], RealNet)
    run(to_sparse)
    assert isinstance(names["sparse_model"], SparseRealNet)
    run(make_trainer)
    run(fit)
    assert len(names["history"]["loss"]) == 100
    before = names["model"].W.detach().clone()
    for updated in (False, False, False, True):
        run(accumulate)
        assert torch.equal(names["model"].W, before) != updated
    run("from realnet import RealNet, RealNetTrainer\n" + xor)
    said = names["trainer"].predict([[-1, -1], [-1, 1], [1, -1], [1, 1]], thinking_steps=5)
    assert said.sign().flatten().tolist() == [-1, 1, 1, -1]
    run(evolve)
    assert len(names["trainer"].history["loss"]) == 150
    assert (names["model"].W[names["model"].alive].abs() >= 0.01).all()


def test_what_the_document_says_of_its_methods() -> None:
    """The signatures and returns that stand in prose."""
    from realnet.utils.pruning import SynapticPruner

    model = RealNet(num_neurons=10, input_ids=[0, 1], output_ids=[9], pulse_mode=True, dropout_rate=0.1, device="cpu")
    all_states, final_state = model.forward(x_input=torch.rand(4, 2), steps=5, current_state=None)
    assert all_states.shape == (4, 5, 10)
    assert torch.equal(all_states[:, -1], final_state)
    pruned_count, total_dead, total_synapses = SynapticPruner.prune(model, threshold=0.2)
    assert 0 < pruned_count == total_dead < total_synapses == 100
    assert model.prune_synapses(threshold=0.2) == (0, total_dead, total_synapses)
    assert isinstance(model.make_sparse(), SparseRealNet)
