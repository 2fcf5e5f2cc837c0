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
    """Have the net live three ticks, and then beside it one that its checkpoint makes."""
    net.run(frames[:3], teachers[:3])
    again = LiveNet.from_checkpoint(net.checkpoint(), DEVICE, "cuda")
    assert again.checkpoint().state_sha256() == net.checkpoint().state_sha256()
    assert (again.run(frames[3:], teachers[3:]) == net.run(frames[3:], teachers[3:])).all()
    assert again.checkpoint().state_sha256() == net.checkpoint().state_sha256()


def check_that_ticks_go_on_while_a_checkpoint_is_on_its_way(net: LiveNet, frames: Array, teachers: Array) -> None:
    """Have the net live two ticks before a checkpoint is begun, the others before it has come."""
    net.run(frames[:2], teachers[:2])
    now, begun = net.checkpoint(), net.begin_checkpoint()
    net.run(frames[2:], teachers[2:])
    taken = begun()
    assert (taken.tick, taken.state_sha256()) == (2, now.state_sha256())
    assert taken.weights_sha256() != net.checkpoint().weights_sha256()
