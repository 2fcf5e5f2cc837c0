"""What a new net is created from, as the first record of its journal tells."""

from typing import Any, NamedTuple, TypeAlias

from realnet import learners
from realnet.dendrites.family import child_of
from realnet.dendrites.parent import Parent
from realnet.learners import Learner
from realnet.vocabulary import vocabulary_named

Birth: TypeAlias = dict[str, int | str | None]

_OF_DENDRITES = ("variant", "max_lines", "memory")


class Descent(NamedTuple):
    """What makes a net a child: its parent, and how many lines of its own it has."""

    parent: Parent
    lines: int


def newborn(birth: Birth, device: str, parent: Parent | None = None) -> Learner:
    """Create a newborn net, a child over its `parent`, with nothing in mind.

    Raises ValueError for what is none, or where the parent is another, MemoryError if it would have too many neurons.
    """
    above = None if parent is None else parent.sha256
    if birth.get("parent") != above:
        raise ValueError(f"the parent of this net is {birth.get('parent') or 'none'}, and given is {above or 'none'}")
    if parent is not None:
        child = child_of(parent, int(birth["lines"] or 0))
        child.net.forget()  # what the parent was told last is nobody else's
        return child
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
