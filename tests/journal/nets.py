"""The states that a journal must lead to."""

from realnet import Checkpoint
from service.engine.clones import clone
from tests.runtime.life import BIRTH, Life, born, given


async def lived_alone(numbers: list[int], rates: dict[int, float] | None = None) -> str:
    """Run these inputs, at these learning rates, without a journal, and return the state's hash."""
    learner = born(BIRTH)
    own = learner.net.learning_rate
    for number in numbers:
        learner.net.learning_rate = (rates or {}).get(number, own)
        learner.run_input(given(number))
    learner.net.learning_rate = own
    return learner.checkpoint().state_sha256()


async def settled(life: Life) -> Checkpoint:
    """Wait until all that was journalled has been run and return the net."""
    while True:
        checkpoint, state = await clone(life.engine)
        if state.place is not None and not state.place.half:
            return checkpoint
