"""Which outputs anybody asks for: what nobody does is not computed."""

import time

from realnet.outputs import LEVELS, Level, highest

LEASE_SECONDS = 10.0  # for which a poller is waited for: until then what it asks for is computed
_ALWAYS: Level = "surprise"  # the score needs it anyway, so that whoever comes later finds it


class Wanted:
    """The levels that subscribers and pollers ask for. Written by the event loop, read by the engine's thread."""

    def __init__(self) -> None:
        self._subscribers = dict.fromkeys(LEVELS, 0)
        self._until = dict.fromkeys(LEVELS, 0.0)  # monotonic seconds: of the pollers

    @property
    def level(self) -> Level:
        """Return the level that has all that is asked for now."""
        now = time.monotonic()
        asked = (each for each in LEVELS if self._subscribers[each] or self._until[each] > now)
        return highest((_ALWAYS, *asked))

    @property
    def subscribers(self) -> int:
        return sum(self._subscribers.values())

    def subscribe(self, level: Level) -> None:
        """Ask for a level until `unsubscribe`."""
        self._subscribers[level] += 1

    def unsubscribe(self, level: Level) -> None:
        self._subscribers[level] -= 1

    def lease(self, level: Level) -> None:
        """Ask for a level until `LEASE_SECONDS` from now."""
        self._until[level] = time.monotonic() + LEASE_SECONDS
