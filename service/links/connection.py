"""A connection to another server whose net is asked for its opinions."""

import asyncio

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.typing import Subprotocol

from realnet.dendrites.opinions import Mixture, Opinions
from realnet.tokens.ids import Tokens
from service.errors import Conflict, PeerFailed, Refused
from service.links.messages import SUBPROTOCOL, ask, hello_of, opinions_in, pieces, told_of
from service.peers import Peer, failed

_OPEN_SECONDS, _ANSWER_SECONDS = 5.0, 10.0
_MOST_BYTES = 2**20


class Connection:
    """Asks another net for its opinions of what it is sent, which it hears by a fork. Opened, and then closed."""

    def __init__(self, peer: Peer, vocabulary: str, mixture: Mixture) -> None:
        self._peer, self._vocabulary, self._mixture = peer, vocabulary, mixture

    async def open(self) -> None:
        """Raises PeerFailed where the other server does not answer, and Conflict for a net of other tokens."""
        try:
            self._socket: ClientConnection = await connect(
                f"ws{self._peer.base.removeprefix('http')}/opinions",
                subprotocols=[Subprotocol(SUBPROTOCOL)],
                additional_headers=self._peer.headers,
                compression=None,
                max_size=_MOST_BYTES,
                proxy=None,
                open_timeout=_OPEN_SECONDS,
                ping_timeout=None,
            )
        except InvalidStatus as error:
            raise failed(self._peer, error.response.status_code, error.response.body) from error
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as error:
            raise PeerFailed(f"{self._peer.url} cannot be reached ({type(error).__name__})") from error
        try:
            self._check(await self._received())
        except Refused:
            await self.close()
            raise

    async def close(self) -> None:
        await self._socket.close()

    async def opinions(self, ids: Tokens) -> Opinions:
        """Return (T, D), of `MOST_TOKENS` tokens at most. Raises PeerFailed."""
        opinions, _ = await self._asked(ids, and_next=False)
        return opinions

    async def next_of(self, ids: Tokens) -> Opinions:
        """Return (2^D,) of all decisions of the token after these. Raises PeerFailed."""
        *before, last = pieces(ids)
        for each in before:
            await self.opinions(each)
        _, following = await self._asked(last, and_next=True)
        assert following is not None
        return following

    async def _asked(self, ids: Tokens, and_next: bool) -> tuple[Opinions, Opinions | None]:
        depth = self._mixture.depth
        try:
            await self._socket.send(ask(ids, and_next))
            told = told_of(await self._received())
            opinions = opinions_in(told.opinions, len(ids), depth)
            return opinions, opinions_in(told.next or b"", 1 << depth) if and_next else None
        except ConnectionClosed as error:
            raise PeerFailed(f"{self._peer.url} has closed the connection{_reason(error)}") from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise self._nonsense() from error

    def _check(self, greeting: bytes) -> None:
        try:
            hello = hello_of(greeting)
        except msgspec.MsgspecError as error:
            raise self._nonsense() from error
        if (hello.vocabulary, hello.symbols) != (self._vocabulary, self._mixture.symbols):
            raise Conflict(f"the other net's vocabulary is {hello.vocabulary}, and this one's {self._vocabulary}")

    async def _received(self) -> bytes:
        """Raises PeerFailed where nothing comes in time, and where what comes is a text."""
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                received = await self._socket.recv()
        except TimeoutError as error:
            raise PeerFailed(f"{self._peer.url} has not answered for {_ANSWER_SECONDS:.0f} seconds") from error
        except ConnectionClosed as error:
            raise PeerFailed(f"{self._peer.url} has closed the connection{_reason(error)}") from error
        if isinstance(received, str):
            raise self._nonsense()
        return received

    def _nonsense(self) -> PeerFailed:
        return PeerFailed(f"{self._peer.url} does not speak {SUBPROTOCOL}")


def _reason(error: ConnectionClosed) -> str:
    return f": {error.rcvd.reason}" if error.rcvd is not None and error.rcvd.reason else ""
