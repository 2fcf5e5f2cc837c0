"""Where the tests of kernels in Triton run: on a GPU where there is one, else under Triton's interpreter."""

from importlib.util import find_spec

import pytest
import torch

from realnet import LiveNet
from tests.realnet.laws.lives import Array

HAS_GPU = torch.cuda.is_available()
DEVICE = "cuda" if HAS_GPU else "cpu"
MARKS = [
    pytest.mark.skipif(find_spec("triton") is None, reason="no Triton"),
    *([pytest.mark.gpu] if HAS_GPU else []),
]


def check_that_a_checkpoint_goes_on_exactly(net: LiveNet, frames: Array, teachers: Array) -> None:
    """Have the net live on before a checkpoint has come, and then one that the checkpoint makes."""
    net.run(frames[:2], teachers[:2])
    then, begun = net.checkpoint(), net.begin_checkpoint()
    outputs = net.run(frames[2:], teachers[2:])
    again = LiveNet.from_checkpoint(begun(), DEVICE, "cuda")
    assert again.checkpoint().state_sha256() == then.state_sha256()
    assert (again.run(frames[2:], teachers[2:]) == outputs).all()
    assert again.checkpoint().state_sha256() == net.checkpoint().state_sha256()
    assert again.checkpoint().weights_sha256() != then.weights_sha256()
