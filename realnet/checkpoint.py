"""All of a net as plain data, and as the bytes of one safetensors file. Nothing is ever unpickled."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from realnet.core.checks import checked_rate, is_whole
from realnet.core.dendrite_packing import LEARNT, is_packed
from realnet.core.state import Params, State, check_arrays

FORMAT = 1
_PACKED_FORMAT = 2  # of a file whose arrays are packed
_KEY = "realnet"  # the one entry of the file's metadata: with several their order would vary, and so the bytes
_DENDRITES = "dendrites"
LINES, VALUES, SEVERAL, EVENTS = _DETECTORS = ("lines", "values", "several", "events")  # (`realnet.streams`)
_KINDS = ("net", "tokens", "frames", _DENDRITES, *_DETECTORS)
_PARAMS = tuple(field.name for field in fields(Params) if field.init and field.name not in ("input_ids", "output_ids"))


def header_of(data: bytes | memoryview) -> dict[str, Any]:
    """Return the header of a safetensors file, JSON after the 8 bytes of its size; what it tells of begins behind it.

    Raises ValueError, TypeError or RecursionError for anything else.
    """
    size = int.from_bytes(data[:8], "little")
    if data[8:9] != b"{" or size > len(data):
        raise ValueError("it is no safetensors file, or not whole")
    header: dict[str, Any] = json.loads(bytes(data[8 : 8 + size]))
    return header


def metadata_of(data: bytes) -> dict[str, str]:
    """Return the metadata of a safetensors file, which the library gives of no bytes in memory.

    Raises ValueError, KeyError, TypeError or RecursionError for anything else.
    """
    metadata: dict[str, str] = header_of(data)["__metadata__"]
    return metadata


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All of a net, as data that may go to another thread: whoever makes one hands over copies.

    Attributes:
        config: as JSON has it: `format`, `kind`, `tick`, `learning_rate`, `params`, and what a learner adds.
        arrays: by name those of the net's state, `order` (the id of each neuron), and what a learner adds; of a net of
            dendrites packed (`realnet.core.dendrite_packing`).
    """

    config: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def tick(self) -> int:
        return int(self.config["tick"])

    @classmethod
    def of_net(cls, params: Params, state: State, **config: Any) -> Checkpoint:
        """Return the checkpoint of a net; `config` is what else it needs."""
        chosen = {name: value for name in _PARAMS if (value := getattr(params, name)) is not None}
        chosen |= {"n_in": params.n_in, "n_out": params.n_out}
        return cls({"format": FORMAT, "params": chosen, **config}, state.arrays() | {"order": params.order})

    @classmethod
    def of_memory(cls, config: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Checkpoint:
        """Return the checkpoint of a learner with dendrites, which checks its arrays itself when it is made of it."""
        return cls({"format": FORMAT, "kind": _DENDRITES, **config}, arrays)

    def extended(self, config: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Checkpoint:
        """Return it with what a learner keeps beside its net."""
        return Checkpoint(self.config | config, self.arrays | arrays)

    def params(self) -> Params:
        """Return what was chosen of the net. Raises ValueError, KeyError or TypeError if it is not such."""
        chosen, order = dict(self.config["params"]), self.arrays["order"]
        n_in, n_out, shape = chosen.pop("n_in"), chosen.pop("n_out"), (chosen["num_neurons"],)
        if order.shape != shape or order.dtype != np.int64:
            raise ValueError(f"the array order is {order.dtype} {order.shape}, must be int64 {shape}")
        if not is_whole(n_in) or not is_whole(n_out) or min(n_in, n_out) < 1 or n_in + n_out > len(order):
            raise ValueError(f"a net of {len(order)} neurons cannot have {n_in} inputs and {n_out} outputs")
        ids = order.tolist()
        params = Params(input_ids=tuple(ids[:n_in]), output_ids=tuple(ids[len(ids) - n_out :]), **chosen)
        if not np.array_equal(order, params.order):
            raise ValueError("the array order is not that of inputs, hidden neurons by id, and outputs")
        return params

    def state(self) -> State:
        """Return the state of the net: the arrays themselves, not copies, so for one net only."""
        return State.of_arrays(self.arrays)

    def to_bytes(self) -> bytes:
        """Return a safetensors file."""
        written = self.config | {"format": _PACKED_FORMAT} if is_packed(self.arrays) else self.config
        config = json.dumps(written, sort_keys=True)
        return safetensors.numpy.save(dict(sorted(self.arrays.items())), {_KEY: config})

    @classmethod
    def from_bytes(cls, data: bytes) -> Checkpoint:
        """Read a file that `to_bytes` made. Raises ValueError, in one line, if `data` is none."""
        try:
            config = json.loads(metadata_of(data)[_KEY])
            # Copies, since what the file's bytes back is read-only. What a file has in half precision no net has.
            arrays = {
                name: array.astype(np.float32 if array.dtype == np.float16 else array.dtype)
                for name, array in safetensors.numpy.load(data).items()
            }
        except (safetensors.SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"not a RealNet checkpoint: {' '.join(str(error).split())}") from error
        if not isinstance(config, dict):
            raise ValueError("not a RealNet checkpoint: its metadata is no object")
        if config.get("format") not in (FORMAT, _PACKED_FORMAT):
            known = f"{FORMAT} and {_PACKED_FORMAT}"
            raise ValueError(f"a RealNet checkpoint of format {config.get('format')}, this program reads {known}")
        checkpoint = cls(config | {"format": FORMAT}, arrays)
        checkpoint._check()
        return checkpoint

    def save(self, path: str | Path) -> None:
        """Write the file at `path`, whole or not at all: one that was there before stays until this one is written."""
        target = Path(path)
        unfinished = target.with_name(f"{target.name}.unfinished")
        try:
            unfinished.write_bytes(self.to_bytes())
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> Checkpoint:
        """Read a file that `save` wrote, or the snapshot of a server. Raises ValueError, in one line, or OSError."""
        return cls.from_bytes(Path(path).read_bytes())

    def _check(self) -> None:
        try:
            if self.config["kind"] not in _KINDS:
                raise ValueError(f"kind is {self.config['kind']!r}, must be one of {', '.join(_KINDS)}")
            if not is_whole(tick := self.config["tick"]) or not 0 <= tick < 2**62:
                raise ValueError(f"tick is {tick!r}, must be a whole number, at least 0")
            checked_rate(self.config["learning_rate"])
            if self.config["kind"] not in (_DENDRITES, *_DETECTORS):
                check_arrays(self.params(), self.arrays)
        except (ValueError, KeyError, TypeError) as error:
            missing = " is missing" if isinstance(error, KeyError) else ""
            raise ValueError(f"not a RealNet checkpoint: {' '.join(str(error).split())}{missing}") from error

    def weights_sha256(self) -> str:
        """Return the hash of the stored W, float32 after step 8; of a net of dendrites, of all that it has learnt."""
        if self.config["kind"] == _DENDRITES:
            digest = hashlib.sha256()
            for name in LEARNT:
                if name in self.arrays:  # what a net has not is no part of it
                    digest.update(np.ascontiguousarray(self.arrays[name]).data)
            return digest.hexdigest()
        return hashlib.sha256(self.state().stored_weights().data).hexdigest()

    def state_sha256(self) -> str:
        """Return the hash of everything, as it is kept."""
        digest = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode())
        for name, array in sorted(self.arrays.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
