"""RealNet: a neural network without layers that learns at every tick."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from realnet.checkpoint import Checkpoint
    from realnet.core.network import RealNet
    from realnet.core.sparse import SparseRealNet
    from realnet.core.state import Float32
    from realnet.dendrites.learner import DendriteLearner
    from realnet.estimators import RealNetClassifier, RealNetRegressor
    from realnet.frames import FrameLearner, FrameOutputs
    from realnet.inputs import Input, InputError
    from realnet.interface import Interface
    from realnet.learners import Generator, Learner, create, from_checkpoint, load
    from realnet.live import LiveNet
    from realnet.many import LiveNets
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
    "LiveNets",
    "OutputBatch",
    "RealNet",
    "RealNetClassifier",
    "RealNetRegressor",
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
    "LiveNets": "realnet.many",
    "OutputBatch": "realnet.outputs",
    "RealNet": "realnet.core.network",
    "RealNetClassifier": "realnet.estimators",
    "RealNetRegressor": "realnet.estimators",
    "RealNetTrainer": "realnet.training.trainer",
    "SparseRealNet": "realnet.core.sparse",
    "SynapticPruner": "realnet.utils.pruning",
    "TokenLearner": "realnet.tokens.learner",
    "TokenOutputs": "realnet.tokens.outputs",
    "create": "realnet.learners",
    "from_checkpoint": "realnet.learners",
    "load": "realnet.learners",
}

_EXTRAS = {"torch": "PyTorch", "sklearn": "scikit-learn"}  # by what is imported, which is also the extra's name


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = import_module(_MODULES[name])
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in _EXTRAS:
            raise
        library = _EXTRAS[missing]
        why = f"realnet.{name} needs {library}, which is not installed here: pip install 'realnet-live[{missing}]'"
        raise ModuleNotFoundError(why, name=missing) from None
    value = globals()[name] = getattr(module, name)  # asked for once
    return value
