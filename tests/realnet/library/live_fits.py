"""Small live nets, data for them, and fits of their forks."""

from typing import Any

import numpy as np

from realnet import FrameLearner, TokenLearner
from realnet.core.state import Preset
from realnet.fit_options import FitOptions
from realnet.training.live_fit import Fitted, fit_live

NEURONS = {"literal": 352, "manifesto": 640, "surprise": 768}
LINE = "the cat sat on the mat, and the dog lay by the door. "
Report = dict[str, float]


def reader(preset: Preset = "surprise", text: str = "") -> TokenLearner:
    """Create a small net and let it read the text."""
    learner = TokenLearner.create(preset, NEURONS[preset])
    learner.run(learner.vocabulary.encode(text))
    return learner


def tokens_of(text: str) -> np.ndarray:
    """Return the bytes of a text, as uint8."""
    return np.frombuffer(text.encode(), np.uint8)


def fit(learner: TokenLearner | FrameLearner, data: Any, **options: Any) -> tuple[Fitted, list[Report]]:
    """Fit a fork of the net and return the result and all that was reported."""
    reports: list[Report] = []
    return fit_live(learner.checkpoint(), data, FitOptions(**options), reports.append), reports


def opposites(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and targets of NOT, each (count, 2): a bit beside its opposite, and the two swapped."""
    inputs = np.random.default_rng(0).integers(0, 2, (count, 1)).astype(np.float32)
    return np.hstack([inputs, 1 - inputs]), np.hstack([1 - inputs, inputs])


def learners() -> list[tuple[TokenLearner | FrameLearner, Any]]:
    """Return a learner of tokens and a learner of frames, each with data to fit."""
    return [(reader(text=LINE), tokens_of(LINE * 10)), (FrameLearner.create(2, 2, num_neurons=30), opposites())]
