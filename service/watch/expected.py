"""What the net expects now."""

from dataclasses import dataclass

from pydantic import BaseModel

from realnet import DendriteLearner, TokenLearner
from service.engine.commands import Query
from service.engine.engine import Engine
from service.errors import Conflict
from service.journal.position import JournalPosition
from service.replica.replica import Replica


class NextToken(BaseModel, frozen=True):
    """A token, how it is written by itself, and how probable it is."""

    token: int
    text: str
    probability: float


class NextTokens(BaseModel, frozen=True):
    """The likeliest tokens after `tick`, best first."""

    tick: int
    next: list[NextToken]


@dataclass(slots=True, eq=False)
class ReadExpected(Query[NextTokens | None]):
    session: str | None

    def answer(self, replica: Replica, position: JournalPosition | None) -> NextTokens | None:
        learner = replica.learner
        if not isinstance(learner, DendriteLearner | TokenLearner):
            return None
        with replica.sessions.looked_into(self.session):
            expected = learner.expected()
        rows = zip(*(each.tolist() for each in expected), strict=True)
        write = learner.vocabulary.decode
        following = [NextToken(token=token, text=write([token]), probability=round(value, 4)) for token, value in rows]
        return NextTokens(tick=learner.net.tick, next=following)


async def expected_of(engine: Engine, session: str | None = None) -> NextTokens:
    """Raises Conflict for a net of frames."""
    expected = await engine.ask(ReadExpected(session))
    if expected is None:
        raise Conflict("a net of raw frames expects no tokens")
    return expected
