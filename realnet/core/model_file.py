"""A model of PyTorch as one safetensors file. Nothing is ever unpickled."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
from torch import Tensor

from realnet.core.state import Params

if TYPE_CHECKING:
    from realnet.core.running import Network

FORMAT = 1
_KEY = "realnet_model"
_CHOSEN = ("dynamics", "pulse_mode", "dropout_rate")
_PARAMS = tuple(field.name for field in fields(Params) if field.init)


def write(path: str | Path, model: Network) -> None:
    config = {name: getattr(model, name) for name in _CHOSEN}
    config["params"] = {name: value for name in _PARAMS if (value := getattr(model.params, name)) is not None}
    config |= {"format": FORMAT, "kind": type(model).__name__}
    tensors = {name: tensor.contiguous() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(tensors, path, {_KEY: json.dumps(config, sort_keys=True)})


def read(path: str | Path, kind: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """-> the arguments of `Network` and the tensors of its state. Raises ValueError for any other file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            config = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
        if (config["format"], config["kind"]) != (FORMAT, kind):
            raise ValueError(f"it holds a {config['kind']} of format {config['format']}, not a {kind} of {FORMAT}")
        named = config["params"]
        for ids in ("input_ids", "output_ids"):
            named[ids] = tuple(named[ids])
        return {"params": Params(**named), **{name: config[name] for name in _CHOSEN}}, tensors
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a file of a {kind}: {' '.join(str(error).split())}") from error


def fill(path: str | Path, model: Network, tensors: dict[str, Tensor]) -> None:
    """Raises ValueError if the tensors are not the model's."""
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise ValueError(f"{path} is not a file of a {type(model).__name__}: {' '.join(str(error).split())}") from error
