"""Parents and children: learners that share what a frozen one knows, and each learn only their own."""

from __future__ import annotations

from collections.abc import Sequence

from realnet.core.dendrite_packing import unpacked
from realnet.dendrites.child import LINES, ChildNet
from realnet.dendrites.compact import CompactNet
from realnet.dendrites.learner import DendriteLearner
from realnet.dendrites.merge import merged, sha256_of, share_of_child, unknown
from realnet.dendrites.overlay import MOST_GATES
from realnet.dendrites.parent import Parent


def freeze(learner: DendriteLearner) -> Parent:
    """Return a copy of what a learner is now, for children to share; it may learn on itself.

        parent = freeze(learner)
        child = child_of(parent)

    Raises ValueError for a compact one, for a child, and for one of more than 31 gates.
    """
    if isinstance(learner.net, (CompactNet, ChildNet)):
        raise ValueError("a compact net and a child have no children")
    if len(learner.net.wiring.gates) > MOST_GATES:
        raise ValueError(f"a net of more than {MOST_GATES} gates has no children")
    net, checkpoint = learner.net, learner.checkpoint()
    empty = {name: each.copy() for name, each in net.memory._asdict().items() if not each.size}  # no checkpoint has it
    return Parent(
        sha256=checkpoint.state_sha256(),
        wiring=net.wiring,
        max_lines=net.max_lines,
        tick=net.tick,
        learning_rate=net.learning_rate,
        vocabulary=learner.vocabulary,
        leaves=learner.leaves,
        arrays=empty | dict(unpacked(checkpoint.arrays)),
    )


def child_of(parent: Parent, lines: int = LINES) -> DendriteLearner:
    """Return a newborn with so many lines of its own, a power of two. Raises ValueError."""
    return DendriteLearner(ChildNet(parent, lines), parent.vocabulary, parent.leaves)


def rebase(child: DendriteLearner, parent: Parent) -> None:
    """Have a child go on over another parent, a newer one: what it has learnt itself stays its own.

    Raises ValueError, with nothing changed, for no child, and for a parent of other contexts or tokens.
    """
    if not isinstance(child.net, ChildNet):
        raise ValueError("only a child has a parent")
    check_are_alike(child.net.parent, parent)
    child.net.rebase(parent)


def check_are_alike(parent: Parent, other: Parent) -> None:
    """Raise ValueError unless children of one parent may go over to the other: it has the same contexts and tokens."""
    if (parent.vocabulary.name, parent.vocabulary.content) != (other.vocabulary.name, other.vocabulary.content):
        raise ValueError(f"the other parent has the tokens {other.vocabulary.name}, not {parent.vocabulary.name}")
    if (parent.wiring, parent.symbols) != (other.wiring, other.symbols):
        raise ValueError("the other parent has other contexts or tokens")


def merge_children(parent: Parent, children: Sequence[DendriteLearner]) -> DendriteLearner:
    """Return a learner that goes on from the parent with the lines that its children have learnt, by their counts.

    Gains, output maps and what is remembered word for word stay the parent's: of a child's words nothing comes along
    but what its lines have counted. Freeze it, and its children may be rebased. Raises ValueError for no children, and
    for those of another parent.
    """
    nets = [child.net for child in children if isinstance(child.net, ChildNet)]
    if not nets or len(nets) < len(children) or any(net.parent.sha256 != parent.sha256 for net in nets):
        raise ValueError(f"only children of {parent.sha256} are merged into it, at least one")
    ancestor, net = parent.memory.lines, parent.net()
    told = sha256_of(ancestor)
    shares = [share_of_child(f"child {number}", each, told) for number, each in enumerate(nets)]
    room, used = parent.lines, int(parent.memory.used[0]) + unknown(ancestor, shares)
    while used > room // 2 and room < parent.max_lines:
        room *= 2
    net.take_lines(merged(ancestor, [share._replace(room=room) for share in shares]))
    return DendriteLearner(net, parent.vocabulary, parent.leaves)
