"""Connections before there is a request: how long and how large its head may be, and how many there may be."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from service.settings import Settings

_HEAD_BYTES = 2**16
_ANSWER = b"HTTP/1.1 %b\r\ncontent-length: 0\r\n%bconnection: close\r\n\r\n"
_TOO_SLOW = _ANSWER % (b"408 Request Timeout", b"")
_TOO_LARGE = _ANSWER % (b"431 Request Header Fields Too Large", b"")
_TOO_MANY = _ANSWER % (b"503 Service Unavailable", b"retry-after: 1\r\n")


def bounded_connections(settings: Settings) -> type[asyncio.Protocol]:
    """uvicorn's own protocol, which waits for ever and reads without end, with bounds."""

    class Connection(HttpToolsProtocol):
        _timer: asyncio.TimerHandle | None = None  # runs while the head of a request is waited for
        _head_bytes = 0
        _is_in_body = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self.timeout_keep_alive = min(self.timeout_keep_alive, settings.header_seconds)  # type: ignore[assignment]
            if len(self.connections) > settings.max_connections:
                self._refuse(_TOO_MANY)
            else:
                self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_is_here()
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
            self._head_is_here()
            self._is_in_body = True
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._head_is_here()
            self._is_in_body = False
            super().on_message_complete()

        def _await_head(self) -> None:
            self._head_bytes = 0
            self._timer = self.loop.call_later(settings.header_seconds, self._refuse, _TOO_SLOW)

        def _head_is_here(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _refuse(self, answer: bytes) -> None:
            self._head_is_here()
            if not self.transport.is_closing():
                self.transport.write(answer)
                self.transport.close()

    return Connection
