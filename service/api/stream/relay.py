"""Send the inputs of a stream to the server that leads, over a stream there, and bring the answers back."""

from collections import deque
from typing import Literal, TypeAlias
from urllib.parse import urlencode

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI
from websockets.typing import Subprotocol

from service.api.gateway import FORWARDED
from service.api.stream.intake import Answer
from service.api.stream.protocol import Ack, Codec, Error, Hello, ObservedMessage
from service.errors import LeaderGone
from service.runtime.hive import Hive

_OPEN_SECONDS = 3.0
Kind: TypeAlias = Literal["input", "observe"]
_Heard = Hello | Ack | ObservedMessage | Error


class Relay:
    """One client's inputs on their way to the leader. Each goes as it came, and so do the answers.

    Attributes:
        last_seq, last_observed: what the leader knows of the client, once it is open.
    """

    def __init__(
        self,
        hive: Hive,
        codec: Codec,
        client_id: str | None,
        session_name: str | None,
        key: str | None,
        answer: Answer,
    ) -> None:
        self.last_seq = self.last_observed = 0
        self._hive = hive
        self._codec = codec
        asked = {"outputs": "none", "client_id": client_id, "session": session_name}
        self._query = urlencode({name: value for name, value in asked.items() if value is not None})
        self._headers = {FORWARDED: "1"} | ({} if key is None else {"Authorization": f"Bearer {key}"})
        self._answer = answer
        module = msgspec.msgpack if codec.binary else msgspec.json
        self._decode = module.Decoder(_Heard).decode
        self._connection: ClientConnection | None = None
        self._unanswered: deque[tuple[Kind, int, int]] = deque()  # with their seqs and ticks

    @property
    def is_needed(self) -> bool:
        """Return whether it is another server that takes inputs."""
        return not self._hive.leads

    @property
    def is_open(self) -> bool:
        return self._connection is not None

    @property
    def is_busy(self) -> bool:
        return bool(self._unanswered)

    async def open(self) -> None:
        """Open a stream to the leader. Raises LeaderGone."""
        leader = self._hive.leader
        if leader is None:
            raise LeaderGone("nobody leads, as far as this server has heard")
        try:
            connection = await connect(
                f"ws{leader.removeprefix('http')}/v1/stream?{self._query}",
                subprotocols=[Subprotocol(self._codec.subprotocol)],
                additional_headers=self._headers,
                compression=None,
                max_size=None,
                proxy=None,
                open_timeout=_OPEN_SECONDS,
                ping_timeout=None,
            )
            self._connection = connection
            hello = self._decode(await connection.recv())
        except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, msgspec.DecodeError) as error:
            await self.close()
            raise LeaderGone(f"the leader at {leader} takes no stream ({type(error).__name__})") from error
        if isinstance(hello, Hello):
            self.last_seq, self.last_observed = hello.last_seq, hello.last_observed

    async def send(self, raw: bytes | str, kind: Kind, seq: int, ticks: int) -> None:
        """Send an input, or rows, as they came. Raises LeaderGone where the stream has broken."""
        assert self._connection is not None
        self._unanswered.append((kind, seq, ticks))
        try:
            await self._connection.send(raw)
        except ConnectionClosed as error:
            raise LeaderGone("the stream to the leader has broken") from error

    async def answers(self) -> None:
        """Bring the leader's answers back until its stream ends."""
        assert self._connection is not None
        try:
            async for raw in self._connection:
                try:
                    heard = self._decode(raw)
                except msgspec.ValidationError:  # an event, of which this server has its own
                    continue
                if isinstance(heard, Hello):
                    continue
                answered: list[int] = []  # ticks of each
                left: deque[tuple[Kind, int, int]] = deque()
                for kind, seq, ticks in self._unanswered:
                    if _is_answer(heard, kind, seq) and (isinstance(heard, Ack) or not answered):
                        answered.append(ticks)
                    else:
                        left.append((kind, seq, ticks))
                self._unanswered = left
                self._answer(heard, len(answered), sum(answered))
        except ConnectionClosed:
            pass

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                await connection.close()
            finally:  # also where a shutdown does not wait for the leader's answer
                connection.transport.abort()


def _is_answer(heard: Ack | ObservedMessage | Error, kind: Kind, seq: int) -> bool:
    if isinstance(heard, Ack):
        return kind == "input" and seq <= heard.seq
    return seq == heard.ref and (isinstance(heard, Error) or kind == "observe")
