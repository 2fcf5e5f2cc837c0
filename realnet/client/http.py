"""Send requests to a server, wait while it refuses them for a while, and make its refusals errors."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from realnet.client.errors import (
    TRY_AGAIN_SECONDS,
    AnswerTimeout,
    Conflict,
    ConnectionLost,
    RealNetError,
    Unreachable,
    error_of_answer,
    no_answer,
)
from realnet.client.server import Server

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class Http:
    """Requests to one server, of the net that it names. What is None in a query or a header is left out.

    For `patience` seconds, refusals that end by themselves are waited for, and requests that may be repeated are sent
    again where the connection broke. An answer has to begin within `timeout` seconds.
    """

    def __init__(self, server: Server, patience: float, timeout: float) -> None:
        import httpx  # not by commands that send no request: it takes longer to load than all else

        self.server = server
        self.patience = patience
        self._timeout = timeout
        self._client = httpx.AsyncClient(
            base_url=server.url,
            headers=server.headers,
            timeout=timeout,
            trust_env=not server.is_on_this_machine,  # no proxy leads there
        )

    async def close(self) -> None:
        await self._client.aclose()

    def of_net(self, name: str) -> "Http":
        """Return requests to another net of the server, by the same connections. Raises RealNetError."""
        other = copy(self)
        other.server = replace(self.server, net=name)
        return other

    async def ask(
        self,
        kind: type[T],
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] = {},
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = {},
        is_repeatable: bool | None = None,
        **of_httpx: Any,
    ) -> T:
        """Send a request, with `body` as JSON, and return its answer as `kind`.

        Unless it is said, a GET may be repeated and nothing else.
        """
        if is_repeatable is None:
            is_repeatable = method == "GET"
        deadline = asyncio.get_running_loop().time() + self.patience
        broke = False
        while True:
            try:
                async with self.answer(method, path, query, body, headers, **of_httpx) as answer:
                    return self._content(kind, await answer.aread())
            except RealNetError as error:
                delay = error.retry_after
                broke = broke or isinstance(error, ConnectionLost)
                if broke and is_repeatable and isinstance(error, Unreachable | Conflict):
                    delay = TRY_AGAIN_SECONDS  # it restarts, or it is still at the request as it came before
                if delay is None or asyncio.get_running_loop().time() + delay > deadline:
                    raise
            await asyncio.sleep(delay)

    @asynccontextmanager
    async def answer(
        self,
        method: str,
        path: str,
        query: Mapping[str, Any] = {},
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = {},
        **of_httpx: Any,
    ) -> AsyncIterator["httpx.Response"]:
        """Send a request once, and yield its answer, which is a success and has not been read. Raises RealNetError."""
        if body is not None:
            of_httpx["content"] = msgspec.json.encode(body, enc_hook=_as_list)
            headers = {"Content-Type": "application/json", **headers}
        query = {name: _as_word(value) for name, value in query.items() if value is not None}
        path = self.server.path_of(path)
        with self._as_own_error(of_httpx.get("timeout", self._timeout)):
            async with self._client.stream(method, path, params=query, headers=headers, **of_httpx) as answer:
                if answer.is_error:
                    text = await answer.aread()
                    raise error_of_answer(answer.status_code, text, retry_after=answer.headers.get("Retry-After"))
                yield answer

    def _content(self, kind: type[T], text: bytes) -> T:
        try:
            return msgspec.json.decode(text or b"null", type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Unreachable(
                f"what answers at {self.server.url} is no RealNet server, or of another version"
            ) from None

    @contextmanager
    def _as_own_error(self, timeout: float | None) -> Iterator[None]:
        import httpx

        url = self.server.url
        try:
            yield
        except httpx.ReadTimeout:
            raise AnswerTimeout(f"{url} did not answer within {timeout:g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise Unreachable(no_answer(url)) from error
        except httpx.TransportError as error:
            raise ConnectionLost(f"{url} closed the connection before it had answered") from error


async def events(answer: "httpx.Response") -> AsyncIterator[tuple[str, bytes] | None]:
    """Yield the server-sent events of an answer, each with its name and data; a comment, a sign of life, is None."""
    left = b""
    async for block in answer.aiter_bytes():
        *whole, left = (left + block).split(b"\n\n")
        for event in whole:
            fields = dict(line.split(b": ", 1) for line in event.split(b"\n") if b": " in line)
            yield (fields[b"event"].decode(), fields[b"data"]) if b"data" in fields else None


def _as_list(array: Any) -> Any:
    """Return a NumPy array as JSON has it."""
    return array.tolist()


def _as_word(value: object) -> object:
    return str(value).lower() if isinstance(value, bool) else value
