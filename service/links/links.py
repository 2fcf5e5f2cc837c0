"""The links of this server: begun, shown and cut. On the loop."""

import asyncio
import contextlib
from functools import partial

from service.auth.places import Places
from service.engine.engine import Engine
from service.engine.generate import Generate, Generation
from service.engine.opinions import Mix
from service.errors import Conflict, EngineStopped, NotFound, Overloaded
from service.links.generation import generated
from service.links.link import Link, LinkState
from service.peers import Peer

_MOST, _MOST_GENERATIONS, _MOST_LISTENERS = 4, 4, 8  # at once


class Links:
    """The links of one net. They last as long as the server runs.

    Attributes:
        listeners: places for the nets of other servers that hear this one.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._links: dict[str, tuple[Link, asyncio.Task[None]]] = {}
        self._beginning = 0
        self.listeners = Places(_MOST_LISTENERS, "nets that listen")
        self._generating: set[asyncio.Task[Generation]] = set()
        self._places = Places(_MOST_GENERATIONS, "generations by links")

    @property
    def states(self) -> list[LinkState]:
        return [link.state for link, _ in self._links.values()]

    async def begin(self, peer: Peer) -> LinkState:
        """Link this net with that of another server. Raises Conflict, Overloaded or PeerFailed, with nothing begun."""
        if any(link.peer.url == peer.url for link, _ in self._links.values()):
            raise Conflict(f"there is a link with {peer.url} already")
        if len(self._links) + self._beginning >= _MOST:
            raise Overloaded(f"there are {_MOST} links, which is the most")
        self._beginning += 1
        try:
            link = await self._newborn(peer)
            connection = link.connection()
            await connection.open()
        finally:
            self._beginning -= 1
        self._links[link.id] = link, asyncio.create_task(link.run(connection), name=f"link {link.id}")
        self._engine.listeners.add(link.hear)
        return link.state

    async def cut(self, id: str) -> None:
        """End a link. Raises NotFound."""
        if (found := self._links.pop(id, None)) is None:
            raise NotFound(f"there is no link {id}")
        link, task = found
        self._engine.listeners.discard(link.hear)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def generate(self, command: Generate, space: str) -> None:
        """Begin a generation by both nets for the caller of `space`; `command.reply` is done at its end.

        Raises NotFound where there is no such link, Overloaded or Limited where there is no place.
        """
        if (found := self._links.get(command.link or "")) is None:
            raise NotFound(f"there is no link {command.link}")
        self._places.take(space)
        task = asyncio.create_task(generated(command, found[0], self._engine))
        self._generating.add(task)
        task.add_done_callback(partial(self._ended, command, space))

    def _ended(self, command: Generate, space: str, task: "asyncio.Task[Generation]") -> None:
        self._generating.discard(task)
        self._places.release(space)
        if command.reply.done():  # the caller has left, or its key was revoked
            return
        if task.cancelled():
            command.reply.set_exception(EngineStopped("the server stops"))
        elif (error := task.exception()) is not None:
            command.reply.set_exception(error)
        else:
            command.reply.set_result(task.result())
        command.reply.exception()  # nobody may wait for it

    async def stop(self) -> None:
        """End all links and generations."""
        for task in self._generating:
            task.cancel()
        for id in list(self._links):
            await self.cut(id)

    async def _newborn(self, peer: Peer) -> Link:
        vocabulary, mixture = self._engine.interface.vocabulary, await self._engine.ask(Mix())
        if vocabulary is None or isinstance(mixture, str):
            raise Conflict(str(mixture))
        return Link(peer, vocabulary.name, mixture)
