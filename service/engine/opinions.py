"""What the net expects of each decision: told to those who listen to its inputs, and to other nets that ask."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from realnet import DendriteLearner
from realnet.core.state import Float32
from realnet.dendrites.opinions import Decided, Mixture, Opinions, Speaker, recent_of
from realnet.learners import Learner
from realnet.tokens.ids import Tokens
from service.engine.commands import Query
from service.engine.outbox import Outbox
from service.journal.position import JournalPosition
from service.replica.replica import Replica

Listener: TypeAlias = Callable[[Decided], None]
T = TypeVar("T")


class Listeners:
    """Those who are told what the net expected of each input; where there are none, nothing is computed for them.

    `add` and `discard` are called on the loop, all else on the engine's thread.
    """

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox
        self._listeners: tuple[Listener, ...] = ()
        self._decided: list[Decided] = []

    def add(self, listener: Listener) -> None:
        self._listeners = (*self._listeners, listener)

    def discard(self, listener: Listener) -> None:
        self._listeners = tuple(each for each in self._listeners if each != listener)

    def listen(self, learner: Learner, is_told: bool) -> None:
        """Take note of what the learner expects from now on, if that is to be told and somebody listens."""
        self._decided = []
        if isinstance(learner, DendriteLearner):
            learner.on_decided = self._note if is_told and self._listeners else None

    def tell(self) -> None:
        """Tell the listeners what was expected since."""
        for decided in self._decided:
            for listener in self._listeners:
                self._outbox.call_listener(listener, decided)

    def _note(self, ids: Tokens, one: Float32) -> None:
        self._decided.append(Decided(ids, one))


_NOT_LINKED = "only nets of dendrites are linked"


@dataclass(slots=True, eq=False)
class Speak(Query[Speaker | str]):
    """Return what tells another net this one's opinions; or, in one line, why it cannot."""

    def answer(self, replica: Replica, position: JournalPosition | None) -> Speaker | str:
        return _made(Speaker, replica)


@dataclass(slots=True, eq=False)
class Mix(Query[Mixture | str]):
    """Return what hears this net and another as one; or, in one line, why it cannot."""

    def answer(self, replica: Replica, position: JournalPosition | None) -> Mixture | str:
        return _made(Mixture, replica)


@dataclass(slots=True, eq=False)
class Opine(Query[tuple[Opinions, Opinions | None] | str]):
    """Return a speaker's opinions of tokens, and, if asked, of the next; or why it cannot go on."""

    speaker: Speaker
    ids: Tokens
    and_next: bool

    def answer(self, replica: Replica, position: JournalPosition | None) -> tuple[Opinions, Opinions | None] | str:
        if not isinstance(replica.learner, DendriteLearner):
            return _NOT_LINKED
        try:
            opinions = self.speaker.hear(replica.learner, self.ids)
        except ValueError as error:
            return str(error)
        return opinions, self.speaker.expects() if self.and_next else None


@dataclass(slots=True, eq=False)
class ForkToSpeak(Query[tuple[DendriteLearner, Tokens] | str]):
    """Return a fork, and what it, or a session, has in mind: nothing, if it is to be `fresh`."""

    fresh: bool
    session: str | None = None

    def answer(self, replica: Replica, position: JournalPosition | None) -> tuple[DendriteLearner, Tokens] | str:
        if not isinstance(replica.learner, DendriteLearner):
            return _NOT_LINKED
        with replica.sessions.looked_into(self.session):
            fork = replica.learner.fork()
        if self.fresh:
            fork.net.forget()
        return fork, recent_of(fork)


@dataclass(slots=True, eq=False)
class ReadOn(Query[Float32]):
    """Have a fork read tokens, and return what it expects of all decisions of the next."""

    fork: DendriteLearner
    ids: Tokens

    def answer(self, replica: Replica, position: JournalPosition | None) -> Float32:
        self.fork.run(self.ids, 0.0, outputs="none")
        return self.fork.net.decisions()


def _made(make: Callable[[DendriteLearner], T], replica: Replica) -> T | str:
    if not isinstance(replica.learner, DendriteLearner):
        return _NOT_LINKED
    try:
        return make(replica.learner)
    except ValueError as error:
        return str(error)
