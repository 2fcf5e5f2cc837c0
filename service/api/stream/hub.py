"""The hub of `WS /v1/stream`: opens a session for each client, and shares among them what is the same for all."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from starlette.websockets import WebSocket

from realnet.outputs import Level
from service.api.gateway import FORWARDED
from service.api.schemas import Net
from service.api.stream.clients import Clients
from service.api.stream.columns import outputs_message, until_a_gap
from service.api.stream.intake import Answer
from service.api.stream.observations import Observers
from service.api.stream.protocol import Codec, Event
from service.api.stream.relay import Relay
from service.api.stream.session import Session
from service.api.stream.subscription import Subscription
from service.api.stream.watchers import Watchers
from service.auth.keyring import Caller
from service.auth.places import Places
from service.engine.pace import Mode
from service.errors import NotReady
from service.jobs.job import Job
from service.runtime.hive import Hive
from service.runtime.runtime import Runtime
from service.settings import Settings
from service.snapshots.snapshot import Snapshot
from service.streams.rows import StreamEvent
from service.streams.shown import News

PIECE = 4096  # outputs in one message, at most: some 30 microseconds of the loop's time in bytes, milliseconds in lists
_PIECES = 16  # encoded pieces kept for the subscribers that come to them later


class _Piece(NamedTuple):
    """Outputs as they are sent. One that is not whole has more to come behind it."""

    start: int
    end: int
    encoded: bytes
    is_whole: bool
    session: str | None  # of the net


class StreamHub:
    """All sessions, what their clients have sent before, and the outputs as they are sent."""

    def __init__(
        self, runtime: Runtime, settings: Settings, hive: Hive | None = None, places: Places | None = None
    ) -> None:
        self._runtime = runtime
        self._outputs = runtime.outputs
        self._settings = settings
        self._hive = hive
        self._places = places or Places(settings.max_streams, "streams")
        self._sessions: set[Session] = set()
        self._watchers = Watchers(runtime, self.net)
        self._clients = Clients(runtime.engine.progress.clients, settings.client_ids)
        self._observers = Observers(runtime.engine.progress.clients, settings.client_ids)
        self._pieces: OrderedDict[tuple[str, Level, int], _Piece] = OrderedDict()  # by codec, level and position

    @contextmanager
    def admit(self, caller: Caller) -> Iterator[None]:
        """Hold a place for a stream of this caller.

        Raises Overloaded where all places are taken, Limited where the caller has its share, and NotReady while the
        journal is being read: until then nobody's last `seq` is known.
        """
        if not self._runtime.inbox.ready:
            raise NotReady("the journal is being read")
        with self._places.held(caller.space):
            yield

    async def serve(
        self,
        socket: WebSocket,
        client_id: str | None,
        codec: Codec,
        caller: Caller,
        level: Level,
        watches: bool,
        session_name: str | None = None,
    ) -> None:
        """Run a session from the accepted handshake to the close; it begins with outputs of `level`.

        One that watches is sent samples of them, and what goes on. With the name of a session of the net, all is of
        that: what is sent, what is generated, and what is told.
        """
        subscription = Subscription(self._outputs, level, self._watchers.pause if watches else None, session_name)
        session = Session(
            socket,
            codec,
            caller,
            self._clients.get(caller.space, client_id),
            self._observers.get(caller.space, client_id),
            runtime=self._runtime,
            describe_net=self.net,
            read_piece=self.piece,
            subscription=subscription,
            settings=self._settings,
            relay=self._relay_of(socket, client_id, codec, session_name),
            session_name=session_name,
        )
        self._sessions.add(session)
        if watches:
            self._watchers.add(session)
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            self._watchers.discard(session)
            subscription.end()

    def end(self, why: str) -> None:
        """Have all sessions end, for good."""
        for session in self._sessions:
            session.end(why)

    def begin_to_lead(self) -> None:
        """Take inputs from now on that were sent to another server until now."""
        self._clients.renew()

    def _relay_of(
        self, socket: WebSocket, client_id: str | None, codec: Codec, session_name: str | None
    ) -> Callable[[Answer], Relay] | None:
        """Return what makes a relay to the leader; None where this server leads, or may not send inputs on."""
        if self._hive is None or self._hive.leads or self._hive.read_only or FORWARDED in socket.headers:
            return None
        return partial(Relay, self._hive, codec, client_id, session_name, socket.scope["realnet.key"])

    def net(self) -> dict[str, Any]:
        """Return the net as GET /v1/net does."""
        return Net.of(self._runtime).model_dump(mode="json", exclude_unset=True)

    def piece(self, position: int, codec: Codec, level: Level, session: str | None = None) -> tuple[bytes, int, int]:
        """Return an encoded message of outputs from `position` on, the position after it, and how many were lost.

        The message is empty where a restore has taken the outputs back, and where they are not of the `session`. Each
        is encoded once for all: pieces end at multiples of their size, so that those at different positions soon share
        them.
        """
        first = max(position, self._outputs.start)
        self._outputs.lost += first - position
        piece = self._pieces.get((codec.name, level, first))
        if piece is None or not (piece.is_whole or piece.end == self._outputs.end):  # there is none, or more by now
            batch, _, lost, of = self._outputs.read(first, PIECE - first % PIECE)
            start = first + lost
            if batch is None:  # a restore has taken them back
                return b"", start, start - position
            batch = until_a_gap(batch)
            encoded = codec.encode(outputs_message(start, batch, self._runtime.interface.columns, level, codec, of))
            end = start + len(batch)
            piece = _Piece(start, end, encoded, end % PIECE == 0 or end < self._outputs.end, of)
            self._pieces[codec.name, level, start] = piece
            if len(self._pieces) > _PIECES:
                self._pieces.popitem(last=False)
        encoded = piece.encoded if session in (None, piece.session) else b""
        return encoded, piece.end, piece.start - position

    def snapshot_saved(self, snapshot: Snapshot) -> None:
        self._tell_all(Event("snapshot", snapshot=snapshot.model_dump(mode="json")))

    def job_changed(self, job: Job) -> None:
        self._tell_all(Event("job", job=job.model_dump(mode="json")))

    def news_came(self, events: list[StreamEvent]) -> None:
        for event in events:
            self._tell_all(Event("news", news=News.of(event).model_dump(mode="json")))

    def mode_changed(self, mode: Mode) -> None:
        self._tell_all(Event("mode", mode=mode))

    def _tell_all(self, event: Event) -> None:
        for session in self._sessions:
            session.tell(event)
