"""What a new net is created from, as the first record of its journal tells."""

from typing import Any, TypeAlias

from realnet import learners
from realnet.learners import Learner
from realnet.vocabulary import vocabulary_named

Birth: TypeAlias = dict[str, int | str | None]

_OF_DENDRITES = ("variant", "max_lines", "memory")


def newborn(birth: Birth, device: str) -> Learner:
    """Create a newborn net. Raises ValueError for what is none, MemoryError if it would have too many neurons."""
    own: dict[str, Any] = {name: birth[name] for name in _OF_DENDRITES if name in birth}
    if "vocabulary" in birth:
        own["vocabulary"] = vocabulary_named(birth["vocabulary"], str(birth["vocabulary_file"]).encode())
    return learners.create(
        preset=birth["preset"],  # type: ignore[arg-type]  # a record of the journal: checked when it was written
        num_neurons=_number(birth["neurons"]),
        inputs=_number(birth["inputs"]),
        outputs=_number(birth["outputs"]),
        seed=_number(birth["seed"]) or 0,
        device=device,
        **own,
    )


def _number(value: int | str | None) -> int | None:
    return None if value is None else int(value)
