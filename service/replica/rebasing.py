"""Put a child over another parent, with all of its sessions."""

from realnet import Checkpoint
from realnet.dendrites.child import ChildNet
from realnet.dendrites.family import rebase
from realnet.dendrites.learner import DendriteLearner
from realnet.dendrites.parent import Parent
from realnet.learners import Learner
from service.replica.birth import Descent
from service.replica.sessions import Sessions


def rebased(learner: Learner, sessions: Sessions, parent: Parent) -> str | None:
    """Have a child go on over another parent; return why not, with nothing changed, if it cannot."""
    if not isinstance(learner, DendriteLearner) or not isinstance(learner.net, ChildNet):
        return "only a child has a parent"
    before = learner.net.parent
    try:
        rebase(learner, parent)
    except ValueError as error:
        return str(error)
    sessions.rebase(before, parent)
    return None


def parent_of(checkpoint: Checkpoint, descent: Descent | None) -> Parent | None:
    """Return the parent that a checkpoint opens with; None of a net that is no child, which has none.

    Not on the loop. Raises ValueError for a checkpoint of a parent that this net never had, or that is gone.
    """
    return None if descent is None else descent.find(checkpoint.config.get("parent"))
