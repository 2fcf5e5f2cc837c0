"""All of a net as plain data, and as the bytes of one safetensors file. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from realnet.core.state import Params, State

FORMAT = 1
_KEY = "realnet"  # the one entry of the file's metadata: with several their order would vary, and so the bytes
_STATE = ("U", "scale", "alive", "x", "x_before", "margins", "thresholds", "collected")
_PARAMS = tuple(field.name for field in fields(Params) if field.init and field.name not in ("input_ids", "output_ids"))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """`config` is JSON: `format`, `kind`, `tick`, `params`, … `arrays` are by name.

    Whoever makes one hands over copies, so it may go to another thread.
    """

    config: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def tick(self) -> int:
        return int(self.config["tick"])

    @classmethod
    def of_net(cls, params: Params, state: State, **config: Any) -> Checkpoint:
        chosen = {name: getattr(params, name) for name in _PARAMS} | {"n_in": params.n_in, "n_out": params.n_out}
        arrays = {name: getattr(state, name) for name in _STATE if getattr(state, name) is not None}
        return cls({"format": FORMAT, "params": chosen, **config}, arrays | {"order": params.order})

    def extended(self, config: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Checkpoint:
        """With what a learner keeps beside its net."""
        return Checkpoint(self.config | config, self.arrays | arrays)

    def params(self) -> Params:
        chosen = dict(self.config["params"])
        n_in, n_out, order = chosen.pop("n_in"), chosen.pop("n_out"), self.arrays["order"].tolist()
        return Params(input_ids=tuple(order[:n_in]), output_ids=tuple(order[len(order) - n_out :]), **chosen)

    def state(self) -> State:
        """The arrays themselves, not copies: for one net only."""
        return State(**{name: self.arrays.get(name) for name in _STATE})  # type: ignore[arg-type]

    def to_bytes(self) -> bytes:
        config = json.dumps(self.config, sort_keys=True)
        return safetensors.numpy.save(dict(sorted(self.arrays.items())), {_KEY: config})

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Raises ValueError, in one line, if `data` is not a file that `to_bytes` made."""
        try:
            # safetensors has no call that gives the metadata of bytes in memory; its header is JSON after 8 bytes.
            header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
            config = json.loads(header["__metadata__"][_KEY])
            # Copies, since what the file's bytes back is read-only.
            arrays = {name: array.copy() for name, array in safetensors.numpy.load(data).items()}
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
            raise ValueError(f"not a RealNet checkpoint: {' '.join(str(error).split())}") from error
        if config.get("format") != FORMAT:
            raise ValueError(f"a RealNet checkpoint of format {config.get('format')}, this program reads {FORMAT}")
        checkpoint = cls(config, arrays)
        checkpoint._check()
        return checkpoint

    def _check(self) -> None:
        try:
            params = self.params()
            n, columns, hidden = params.num_neurons, params.columns, params.n_hidden
            shapes = {
                "U": (n, columns),
                "scale": (4,),
                "x": (n,),
                "x_before": (n,),
                "margins": (hidden,),
                "thresholds": (hidden,),
                "collected": (2, n if params.preset == "literal" else 0),
            }
            if "alive" in self.arrays:
                shapes["alive"] = (n, columns)
            for name, shape in shapes.items():
                array = self.arrays[name]
                kind = np.bool_ if name == "alive" else np.float64 if name == "scale" else np.float32
                if array.shape != shape or array.dtype != kind:
                    raise ValueError(f"{name} is {array.dtype} {array.shape}, must be {np.dtype(kind)} {shape}")
                if name != "alive" and not np.isfinite(array).all():
                    raise ValueError(f"{name} holds a number that is not finite")
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a RealNet checkpoint: {error} is missing or wrong") from error

    def weights_sha256(self) -> str:
        """Of the float32 bytes of the stored W after step 8."""
        return hashlib.sha256(self.state().stored_weights().data).hexdigest()

    def state_sha256(self) -> str:
        """Of everything."""
        digest = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode())
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
