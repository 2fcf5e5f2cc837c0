"""A parent as one safetensors file, which is read where it lies: its arrays are parts of the file, and no copies."""

from __future__ import annotations

import json

import numpy as np
import safetensors.numpy

from realnet.checkpoint import header_of
from realnet.dendrites.leaves import Leaves
from realnet.dendrites.parent import Parent
from realnet.dendrites.wiring import Wiring
from realnet.vocabulary import vocabulary_named

_KEY = "realnet parent 1"  # the one entry of the metadata; another number with another form
_FILE = "vocabulary"  # the array that is the file of the vocabulary, if it has one


def parent_bytes(parent: Parent) -> bytes:
    """Return a file of all that a parent is, so that nothing has to be unpacked: 60 to 110 MB."""
    facts = {
        "sha256": parent.sha256,
        "wiring": parent.wiring.to_json(),
        "max_lines": parent.max_lines,
        "tick": parent.tick,
        "learning_rate": parent.learning_rate,
        "vocabulary": parent.vocabulary.name,
    }
    file = {_FILE: np.frombuffer(parent.vocabulary.content, np.uint8)}
    return safetensors.numpy.save(parent.arrays | file, {_KEY: json.dumps(facts)})


def parent_in(data: memoryview) -> Parent:
    """Return the parent that a file of `parent_bytes` is, over these bytes, which nobody may change any more.

    Raises ValueError for what is none. Numbers are not checked as those of a checkpoint: only take what was made here.
    """
    try:
        header = header_of(data)
        facts = json.loads(header.pop("__metadata__")[_KEY])
        begin = 8 + int.from_bytes(data[:8], "little")
        arrays = {
            name: np.ndarray(each["shape"], _dtype(each["dtype"]), data, begin + each["data_offsets"][0])
            for name, each in header.items()
        }
        vocabulary = vocabulary_named(facts["vocabulary"], arrays.pop(_FILE).tobytes())
        return Parent(
            sha256=facts["sha256"],
            wiring=Wiring.from_json(facts["wiring"]),
            max_lines=facts["max_lines"],
            tick=facts["tick"],
            learning_rate=facts["learning_rate"],
            vocabulary=vocabulary,
            leaves=Leaves(vocabulary.order),
            arrays=arrays,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not the file of a parent: {' '.join(str(error).split())}") from error


def _dtype(name: str) -> np.dtype[np.generic]:
    """Return the type of numbers that safetensors calls so: F32, U8, …"""
    return np.dtype(f"{name[0].lower()}{int(name[1:]) // 8}")
