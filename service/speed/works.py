"""Nets at work on what is made up from a seed."""

import numpy as np
from numpy.typing import NDArray

from realnet import FrameLearner, LiveNet
from realnet.core.state import Float32, Preset
from realnet.dendrites.learner import DendriteLearner
from realnet.dendrites.wiring import Variant
from realnet.inputs import Input
from realnet.interface import Interface
from realnet.learners import Learner
from service.speed.timing import Work

_TICKS = 256  # that are handed over at once
_SHARE = 8  # of the neurons an eighth are inputs, and as many outputs
LEAST_NEURONS = 2 * _SHARE
_WORDS, _TOKENS = 2000, 60_000  # of made-up text


def made_up(interface: Interface, ticks: int = _TICKS, seed: int = 0) -> Input:
    """Return ticks that a net of this interface learns from: any tokens, or a frame and its teacher, each one-hot."""
    if interface.vocabulary is not None:
        random = np.random.default_rng(seed)
        return Input(tokens=random.integers(interface.vocabulary.size, size=ticks, dtype=np.int32))
    frames, teachers = made_up_frames(interface.inputs, interface.outputs, ticks, seed)
    return Input(frames=frames, teachers=teachers)


def made_up_frames(inputs: int, outputs: int, ticks: int = _TICKS, seed: int = 0) -> tuple[Float32, Float32]:
    """Return frames (T, inputs) and teachers (T, outputs), in each of which one is on."""
    random = np.random.default_rng(seed)
    frames, teachers = (_one_hot(random.integers(width, size=ticks), width) for width in (inputs, outputs))
    return frames, teachers


def ticks_of(learner: Learner, given: Input | None = None) -> Work:
    """Return what has the learner live and learn, a tick a turn, over what is `given`, again and again."""
    shown = made_up(learner.interface) if given is None else given
    at = 0

    def live(turns: int) -> None:
        nonlocal at
        while turns:
            taken = min(turns, _TICKS, len(shown) - at)
            learner.run_input(shown[at : at + taken], outputs="none")
            at, turns = (at + taken) % len(shown), turns - taken

    return live


def matrix_net(preset: Preset, neurons: int, device: str = "cpu", threads: int = 1, kernel: str | None = None) -> Work:
    """Return a newborn net on a matrix at work. Raises ValueError if the device isn't there."""
    width = neurons // _SHARE
    inputs, outputs = range(width), range(neurons - width, neurons)
    net = LiveNet(neurons, inputs, outputs, preset, device=device, threads=threads, kernel=kernel)
    return ticks_of(FrameLearner(net))


def dendrites(variant: Variant) -> Work:
    """Return a newborn net of dendrites at work on text, a token a turn."""
    return ticks_of(DendriteLearner.create(variant), Input(tokens=made_up_text(_TOKENS)))


def made_up_text(size: int, seed: int = 0) -> NDArray[np.int32]:
    """Return bytes of words that do not exist, some much more often than others, as in a language."""
    random = np.random.default_rng(seed)
    words = [bytes(random.integers(97, 123, size=random.integers(2, 10), dtype=np.uint8)) for _ in range(_WORDS)]
    chosen = random.zipf(1.3, size=size // 2) % _WORDS
    text = b" ".join(words[index] for index in chosen)[:size]
    return np.frombuffer(text, np.uint8).astype(np.int32)


def _one_hot(index: NDArray[np.int64], width: int) -> Float32:
    rows = np.zeros((len(index), width), np.float32)
    rows[np.arange(len(index)), index] = 1.0
    return rows
