"""A hook as it is stored: where events are sent, which, and how far that has come."""

from typing import Literal, TypeAlias

from service.store.sealed import Sealed
from service.streams.rows import StreamEvent

HookKind: TypeAlias = Literal["webhook", "alertmanager"]


class Hook(Sealed, frozen=True):
    """Where events are sent.

    Attributes:
        secret: what a webhook signs with.
        streams: names, or beginnings of names with a `*` behind them; none are all.
        since: seconds since 1970.
        delivered: the id of the last event that is not to be sent again.
        lost: events, of whatever stream, that were dropped before anybody could be sent them.
    """

    url: str
    kind: HookKind
    secret: str | None
    streams: tuple[str, ...]
    since: float
    delivered: int
    lost: int = 0

    def wants(self, event: StreamEvent) -> bool:
        return not event.muted and self.is_about(event.stream)

    def is_about(self, stream: str) -> bool:
        return not self.streams or any(_fits(stream, each) for each in self.streams)


def _fits(stream: str, pattern: str) -> bool:
    return stream == pattern or (pattern.endswith("*") and stream.startswith(pattern[:-1]))
