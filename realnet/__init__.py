"""RealNet: a neural network without layers that learns at every tick."""

from realnet.checkpoint import Checkpoint
from realnet.frames import FrameLearner, FrameOutputs
from realnet.learners import from_checkpoint
from realnet.live import LiveNet
from realnet.tokens.learner import Generator, TokenLearner, TokenOutputs

__all__ = [
    "Checkpoint",
    "FrameLearner",
    "FrameOutputs",
    "Generator",
    "LiveNet",
    "TokenLearner",
    "TokenOutputs",
    "from_checkpoint",
]
