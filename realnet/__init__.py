"""RealNet: a neural network without layers that learns at every tick."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from realnet.checkpoint import Checkpoint
from realnet.core.state import Float32
from realnet.frames import FrameLearner, FrameOutputs
from realnet.inputs import Input, InputError
from realnet.interface import Interface
from realnet.learners import Learner, create, from_checkpoint
from realnet.live import LiveNet
from realnet.outputs import Column, OutputBatch
from realnet.tokens.learner import Generator, TokenLearner
from realnet.tokens.outputs import TokenOutputs

if TYPE_CHECKING:
    from realnet.core.network import RealNet
    from realnet.core.sparse import SparseRealNet
    from realnet.training.trainer import RealNetTrainer
    from realnet.utils.pruning import SynapticPruner

__all__ = [
    "Checkpoint",
    "Column",
    "Float32",
    "FrameLearner",
    "FrameOutputs",
    "Generator",
    "Input",
    "InputError",
    "Interface",
    "Learner",
    "LiveNet",
    "OutputBatch",
    "RealNet",
    "RealNetTrainer",
    "SparseRealNet",
    "SynapticPruner",
    "TokenLearner",
    "TokenOutputs",
    "create",
    "from_checkpoint",
]

# Imported when first asked for: they bring PyTorch, which a net that lives on the CPU does without.
_WITH_TORCH = {
    "RealNet": "realnet.core.network",
    "RealNetTrainer": "realnet.training.trainer",
    "SparseRealNet": "realnet.core.sparse",
    "SynapticPruner": "realnet.utils.pruning",
}


def __getattr__(name: str) -> Any:
    if name not in _WITH_TORCH:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(_WITH_TORCH[name])
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        why = f"realnet.{name} needs PyTorch, which is not installed here: pip install 'realnet-live[torch]'"
        raise ModuleNotFoundError(why, name="torch") from None
    return getattr(module, name)
