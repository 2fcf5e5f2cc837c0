"""What every kind of learner is to the service."""

from typing import TypeAlias

from realnet import FrameLearner, FrameOutputs, TokenLearner, TokenOutputs

Learner: TypeAlias = TokenLearner | FrameLearner
OutputBatch: TypeAlias = TokenOutputs | FrameOutputs
