"""Tell those who watch what goes on: it is looked up once for all of them, and never while nobody watches."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from pydantic import BaseModel

from service.api.stream.protocol import Watched
from service.api.stream.session import Session
from service.errors import Refused
from service.runtime.runtime import Runtime

_SECONDS = 0.5  # from one message to the next
_LEAST_PAUSE = 0.05  # of samples
_EACH = 0.005  # by which the pause is longer for each who watches: all together, 200 samples a second


class Watchers:
    """The sessions that watch."""

    def __init__(self, runtime: Runtime, describe_net: Callable[[], dict[str, Any]]) -> None:
        self._runtime = runtime
        self._describe_net = describe_net
        self._sessions: set[Session] = set()
        self._task: asyncio.Task[None] | None = None

    def pause(self) -> float:
        """Return how many seconds are between two samples."""
        return max(_LEAST_PAUSE, _EACH * len(self._sessions))

    def add(self, session: Session) -> None:
        self._sessions.add(session)
        if self._task is None:
            self._task = asyncio.create_task(self._tell(), name="watchers")

    def discard(self, session: Session) -> None:
        self._sessions.discard(session)
        if not self._sessions and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _tell(self) -> None:
        watch = self._runtime.watch
        while True:
            expected, activity = await _told(watch.expected.get()), await _told(watch.activity.get())
            message = Watched(self._describe_net(), expected, activity, self._runtime.thinks)
            for session in self._sessions:
                session.tell(message)
            await asyncio.sleep(_SECONDS)


async def _told(looking: Awaitable[BaseModel]) -> dict[str, Any] | None:
    try:
        return (await looking).model_dump(mode="json")
    except Refused:  # this net cannot tell, or not now
        return None
