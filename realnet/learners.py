"""Any learner from its checkpoint."""

from realnet.checkpoint import Checkpoint
from realnet.frames import FrameLearner
from realnet.tokens.learner import TokenLearner


def from_checkpoint(checkpoint: Checkpoint, device: str = "cpu") -> TokenLearner | FrameLearner:
    """The learner that made it, going on exactly. Takes its arrays over. Raises ValueError for one of another kind."""
    kind = checkpoint.config.get("kind")
    if kind == "tokens":
        return TokenLearner.from_checkpoint(checkpoint, device)
    if kind == "frames":
        return FrameLearner.from_checkpoint(checkpoint, device)
    raise ValueError(f"a checkpoint of kind {kind!r}, must be tokens or frames")
