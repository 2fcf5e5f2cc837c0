"""Senders with something on its way: one rule for both ways of teaching, and one share of names for each caller."""

import hashlib
import math
import time
from asyncio import Future
from typing import Any, ClassVar

from realnet.inputs import Input
from service.errors import ErrorLocation, Invalid, Limited
from service.replica.senders import Learnt, SenderTable


class Senders:
    """Those of one kind, of which each caller may have `most` remembered: those in the table, and new ones on their
    way to it. On the loop."""

    kind: ClassVar[str]

    def __init__(self, table: SenderTable, most: int) -> None:
        self._table = table
        self._most = most
        self._new: dict[str, dict[str, str]] = {}  # digests, by space and name

    def learnt(self, space: str, name: str) -> Learnt | None:
        """The last input of the sender `name`, as long as it is remembered."""
        return self._table.get(space, name, time.time())

    def on_its_way(self, space: str, name: str) -> str | None:
        """The digest of the first input of a new sender, until that is learnt or has failed."""
        return self._new.get(space, {}).get(name)

    def admit(self, space: str, name: str, digest: str, reply: "Future[Any]") -> None:
        """Give a new sender a place among its caller's, until `reply` is done. Raises Limited if all are taken."""
        new = self._new.setdefault(space, {})
        if name in new or self.learnt(space, name) is not None:
            return
        wait = self._table.seconds_until_room(space, self._most - len(new), time.time())
        if wait > 0:
            hours = round(self._table.seconds / 3600)
            raise Limited(
                f"{self._most} {self.kind} of one caller are remembered, each for {hours} hours: "
                f"there is no room for a new one before {math.ceil(wait)} s",
                math.ceil(wait),
            )
        new[name] = digest
        reply.add_done_callback(lambda _: new.pop(name))


def content_digest(given: Input, learn: bool, session: str | None = None) -> str:
    """16 hexadecimal digits; journals from before have 32, which begin with the same."""
    content = (b"learn" if learn else b"run") + (b"" if session is None else repr(session).encode())
    for array in (given.tokens, given.frames, given.teachers):
        content += b"-" if array is None else repr(array.shape).encode() + array.tobytes()
    return hashlib.sha256(content).hexdigest()[:16]


def check_content(known: str, digest: str, place: ErrorLocation) -> None:
    """Raises Invalid with `place` where other content is known to have been sent; an empty `known` is not known."""
    if known and not known.startswith(digest):
        raise Invalid([place])
