"""RealNet: a neural network without layers that learns at every tick."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realnet.checkpoint import Checkpoint
    from realnet.core.network import RealNet
    from realnet.core.sparse import SparseRealNet
    from realnet.core.state import Float32
    from realnet.dendrites.learner import DendriteLearner
    from realnet.frames import FrameLearner, FrameOutputs
    from realnet.inputs import Input, InputError
    from realnet.interface import Interface
    from realnet.learners import Generator, Learner, create, from_checkpoint, load
    from realnet.live import LiveNet
    from realnet.outputs import Column, OutputBatch
    from realnet.tokens.learner import TokenLearner
    from realnet.tokens.outputs import TokenOutputs
    from realnet.training.trainer import RealNetTrainer
    from realnet.utils.pruning import SynapticPruner

__all__ = [
    "Checkpoint",
    "Column",
    "DendriteLearner",
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
    "load",
]

# Imported when first asked for: numba takes a third of a second, and PyTorch two, which a net on the CPU does without.
_MODULES = {
    "Checkpoint": "realnet.checkpoint",
    "Column": "realnet.outputs",
    "DendriteLearner": "realnet.dendrites.learner",
    "Float32": "realnet.core.state",
    "FrameLearner": "realnet.frames",
    "FrameOutputs": "realnet.frames",
    "Generator": "realnet.learners",
    "Input": "realnet.inputs",
    "InputError": "realnet.inputs",
    "Interface": "realnet.interface",
    "Learner": "realnet.learners",
    "LiveNet": "realnet.live",
    "OutputBatch": "realnet.outputs",
    "RealNet": "realnet.core.network",
    "RealNetTrainer": "realnet.training.trainer",
    "SparseRealNet": "realnet.core.sparse",
    "SynapticPruner": "realnet.utils.pruning",
    "TokenLearner": "realnet.tokens.learner",
    "TokenOutputs": "realnet.tokens.outputs",
    "create": "realnet.learners",
    "from_checkpoint": "realnet.learners",
    "load": "realnet.learners",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        why = f"realnet.{name} needs PyTorch, which is not installed here: pip install 'realnet-live[torch]'"
        raise ModuleNotFoundError(why, name="torch") from None
    value = globals()[name] = getattr(module, name)  # asked for once
    return value
