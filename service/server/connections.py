"""The HTTP protocol: bounds on how long and how large the head of a request may be, and on how many connections."""

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.settings import Settings

_HEAD_BYTES = 2**16
_SPARE = 16  # connections beyond the bound, for /healthz alone
_ANSWER = b"HTTP/1.1 %b\r\ncontent-length: 0\r\n%bconnection: close\r\n\r\n"
_TOO_SLOW = _ANSWER % (b"408 Request Timeout", b"")
_TOO_LARGE = _ANSWER % (b"431 Request Header Fields Too Large", b"")
_TOO_MANY = _ANSWER % (b"503 Service Unavailable", b"retry-after: 1\r\n")
_answer_too_many = Response(status_code=503, headers={"retry-after": "1"})


def bounded_connections(settings: Settings) -> type[asyncio.Protocol]:
    """Return uvicorn's own protocol, which waits for ever and reads without end, with the bounds of the settings.

    Once `max_connections` are open, a few more are spare: they ask for /healthz, or are answered with 503. Where more
    are spare than may be, the one that has said nothing for longest is closed, so that silent connections keep no
    health check out.
    """
    spare: dict[object, Callable[[bytes], None]] = {}  # how to refuse each that has sent no head; the oldest first

    class Connection(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None  # runs while the head of a request is waited for
        _head_bytes = 0
        _is_in_body = False
        _is_spare = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.timeout_keep_alive = min(self.timeout_keep_alive, settings.header_seconds)  # type: ignore[assignment]
            self._await_head()
            if len(self.connections) - len(spare) > settings.max_connections:
                self._is_spare = True
                spare[self] = self._refuse
                if len(spare) > _SPARE:
                    next(iter(spare.values()))(_TOO_MANY)

        def connection_lost(self, exc: Exception | None) -> None:
            self._end_head()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._timer is None and (self.cycle is None or self.cycle.response_complete):
                self._await_head()  # or the rest of a body that has been answered already
            is_head = not self._is_in_body
            super().data_received(data)
            if self._timer is not None and is_head:
                self._head_bytes += len(data)
                if self._head_bytes > _HEAD_BYTES:
                    self._refuse(_TOO_LARGE)

        def on_headers_complete(self) -> None:
            self._end_head()
            self._is_in_body = True
            if self._is_spare and self.url != b"/healthz":
                self.app = _answer_too_many
            super().on_headers_complete()
            if self._is_spare:
                self.cycle.keep_alive = False

        def on_message_complete(self) -> None:
            self._end_head()
            self._is_in_body = False
            super().on_message_complete()

        def _should_upgrade(self) -> bool:
            return not self._is_spare and super()._should_upgrade()

        def _await_head(self) -> None:
            self._head_bytes = 0
            self._timer = self.loop.call_later(settings.header_seconds, self._refuse_slow)

        def _end_head(self) -> None:
            """The head has come, or never will."""
            spare.pop(self, None)
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _refuse_slow(self) -> None:
            self._refuse(_TOO_MANY if self._is_spare else _TOO_SLOW)

        def _refuse(self, answer: bytes) -> None:
            self._end_head()
            if not self.transport.is_closing():
                self.transport.write(answer)
                self.transport.close()

    return Connection
