"""Every kernel, every preset, and nets with something to happen to them."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NotRequired, TypedDict

import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray

from realnet import LiveNet
from realnet.core.state import PRESETS, Preset

if not torch.cuda.is_available():  # then Triton's kernels run on the CPU; it reads this when it is imported
    os.environ["TRITON_INTERPRET"] = "1"
torch.set_num_threads(1)  # a second one costs more than it brings at these sizes

Array = NDArray[np.float32]

KERNELS = [
    "cpu",
    "torch",
    *(
        pytest.param(name, marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")])
        for name in ("torch on cuda", "cuda")
    ),
]
LITERAL_RATES, RATES = st.sampled_from([1e-3, 1e-2, 0.1]), st.sampled_from([0.3, 2.5, 8.0])

every_kernel = pytest.mark.parametrize("kernel", KERNELS)
every_preset = pytest.mark.parametrize("preset", PRESETS)


class Place(TypedDict):
    """The arguments of `LiveNet` that say where it runs."""

    kernel: str
    device: NotRequired[str]


def on(kernel: str) -> Place:
    """Return the arguments that put a net on a kernel."""
    if kernel in ("torch on cuda", "cuda"):
        return {"device": "cuda", "kernel": kernel.partition(" ")[0]}
    return {"kernel": kernel}


@dataclass
class Life:
    """A net, and what happens to it."""

    preset: Preset
    create: Callable[[str], LiveNet]
    frames: Array
    teachers: Array
    dead: NDArray[np.bool_] | None


@st.composite
def lives(draw: st.DrawFn, preset: Preset, ticks: int) -> Life:
    """Draw a net, pruned or not, and the inputs of `ticks` ticks."""
    n_in, hidden, n_out = draw(st.integers(2, 12)), draw(st.integers(0, 12)), draw(st.integers(2, 6))
    n, seed = n_in + hidden + n_out, draw(st.integers(0, 2**32))
    random = np.random.default_rng(seed)
    neurons = random.permutation(n).tolist()
    readout: Literal["softmax", "clamp"] = draw(st.sampled_from(["softmax", "clamp"]))
    rate = draw(LITERAL_RATES if preset == "literal" else RATES)

    def create(kernel: str) -> LiveNet:
        net = LiveNet(
            num_neurons=n,
            input_ids=neurons[:n_in],
            output_ids=neurons[n_in : n_in + n_out],
            preset=preset,
            learning_rate=rate,
            seed=seed,
            readout=readout,
            output_scale=0.3,
            **on(kernel),
        )
        if dead is not None:
            net.prune(dead)
        return net

    dead = random.random((n, n)) < 0.3 if draw(st.booleans()) else None
    frames = random.random((ticks, n_in)) * (random.random((ticks, n_in)) < draw(st.sampled_from([0.2, 0.6, 1.0])))
    teachers = np.eye(n_out)[random.integers(0, n_out, ticks)]
    if draw(st.booleans()):
        frames = np.ceil(frames)
    elif readout == "clamp":
        teachers = random.random((ticks, n_out))
    teachers[random.random(ticks) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    return Life(preset, create, frames.astype(np.float32), teachers.astype(np.float32), dead)


def on_the_reference(net: LiveNet) -> LiveNet:
    """Copy a net to the reference kernel."""
    return LiveNet.from_checkpoint(net.checkpoint(), kernel="reference")
