"""What a new net is created from, as the first record of its journal tells."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from realnet import learners
from realnet.dendrites.family import child_of
from realnet.dendrites.parent import Parent
from realnet.learners import Learner
from realnet.vocabulary import vocabulary_named

Birth: TypeAlias = dict[str, int | str | None]

OF_DENDRITES = ("variant", "max_lines", "memory")  # what else may be chosen of a net of dendrites


@dataclass(slots=True, eq=False)
class Descent:
    """What makes a net a child.

    Attributes:
        parent: what it is over now.
        lines: how many it has of its own.
        others: returns another parent that it had, or is about to have, by its hash; on any thread but the loop's.
            Raises ValueError where there is none, or it is gone.
        is_new: no snapshot has been taken since it is over this parent.
    """

    parent: Parent
    lines: int
    others: Callable[[str], Parent]
    is_new: bool = False

    def find(self, sha256: Any) -> Parent:
        """Return one of its parents by its hash. Raises ValueError."""
        if sha256 == self.parent.sha256:
            return self.parent
        if not isinstance(sha256, str):
            raise ValueError(f"its parent is none, and given is {self.parent.sha256}")
        return self.others(sha256)


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
    own: dict[str, Any] = {name: birth[name] for name in OF_DENDRITES if name in birth}
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
