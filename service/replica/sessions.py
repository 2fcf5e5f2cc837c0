"""Sessions: short-term memories of their own over one net. What is learnt in any of them is the one net's."""

import hashlib
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import msgspec
import numpy as np

from realnet import Checkpoint
from realnet.core.state import ShortTerm
from realnet.dendrites.child import rebased_mind
from realnet.dendrites.parent import Parent
from realnet.dendrites.rewiring import rewired_words
from realnet.dendrites.wiring import Wiring
from realnet.learners import Learner

MOST = 256  # then the one that was lived in longest ago is forgotten

_Array: TypeAlias = tuple[str, list[int], bytes]  # type, shape and numbers


class SessionState(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A session as a snapshot keeps it."""

    name: str
    tokens: int
    tick: int
    mind: dict[str, _Array]


@dataclass(slots=True, eq=False)
class Session:
    """What the net has in mind when it lives in it, how many ticks that were, and the last of them."""

    mind: ShortTerm | None = None  # None: nothing
    tokens: int = 0
    tick: int = 0


class Sessions:
    """Those of one net, the one that was lived in last at the end. The engine's thread writes and reads them."""

    def __init__(self, learner: Learner, states: Iterable[SessionState] = ()) -> None:
        """Go on from what `state` has returned. Raises ValueError for what is none of such a net."""
        self._learner = learner
        self._by_name: OrderedDict[str, Session] = OrderedDict()
        for each in states:
            mind = {name: _read(*array) for name, array in each.mind.items()}
            learner.check_mind(mind)
            self._by_name[each.name] = Session(mind, each.tokens, each.tick)

    def __iter__(self) -> Iterator[tuple[str, Session]]:
        """Yield names and sessions, the one that was lived in last first."""
        return reversed(self._by_name.items())

    def state(self) -> list[SessionState]:
        """Return a copy of everything."""
        return [
            SessionState(name, each.tokens, each.tick, {key: _written(array) for key, array in each.mind.items()})
            for name, each in self._by_name.items()
            if each.mind is not None
        ]

    @contextmanager
    def lived_in(self, name: str | None, ticks: int, goes_on: bool) -> Iterator[None]:
        """Have the net live so many ticks in a session, which is made if there is none; None: in its own mind.

        It `goes_on` in the middle of an input that it has lived the beginning of.
        """
        if name is None:
            yield
            return
        session = self._by_name.setdefault(name, Session())
        self._by_name.move_to_end(name)
        if len(self._by_name) > MOST:
            self._by_name.popitem(last=False)
        own = self._learner.swap(session.mind, goes_on)
        try:
            yield
        finally:
            session.mind = self._learner.swap(own)
        session.tokens += ticks
        session.tick = self._learner.net.tick

    def lived_together(self, names: Sequence[str]) -> list[Session]:
        """Return sessions that now live at once; those that there are not are made."""
        together = [self._by_name.setdefault(name, Session()) for name in names]
        for name in names:
            self._by_name.move_to_end(name)
        while len(self._by_name) > MOST:
            self._by_name.popitem(last=False)
        return together

    @contextmanager
    def looked_into(self, name: str | None) -> Iterator[None]:
        """Have the net have in mind what a session has, without living in it: nothing, if there is no such session."""
        if name is None:
            yield
            return
        own = self._learner.swap(self._by_name.get(name, Session()).mind)  # which stays as it is: no tick is run
        try:
            yield
        finally:
            self._learner.swap(own, goes_on=True)

    def forget(self, name: str) -> bool:
        """Forget a session; return whether there was one."""
        return self._by_name.pop(name, None) is not None

    def rewire(self, old: Wiring, new: Wiring) -> None:
        """Have all sessions go on under another wiring."""
        for each in self._by_name.values():
            if each.mind is not None:
                each.mind = rewired_words(each.mind, old, new)

    def rebase(self, before: Parent, after: Parent) -> None:
        """Have all sessions go on over another parent of the child that they are of."""
        for each in self._by_name.values():
            if each.mind is not None:
                each.mind = rebased_mind(each.mind, before, after)


def state_sha256(checkpoint: Checkpoint, sessions: Sequence[SessionState]) -> str:
    """Return the hash of everything that a snapshot holds; where there are no sessions, that of the checkpoint."""
    digest = checkpoint.state_sha256()
    if not sessions:
        return digest
    return hashlib.sha256(digest.encode() + msgspec.msgpack.encode(sessions)).hexdigest()


def _written(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> _Array:
    return array.dtype.str, list(array.shape), array.tobytes()


def _read(kind: str, shape: list[int], data: bytes) -> np.ndarray[tuple[int, ...], np.dtype[np.generic]]:
    try:
        return np.frombuffer(data, np.dtype(kind)).reshape(shape).copy()
    except TypeError as error:
        raise ValueError(f"{kind!r} is no type of numbers") from error
