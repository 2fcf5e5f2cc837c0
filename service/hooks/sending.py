"""Post a message to another server, and read no more of its answer than can be told in a line."""

import asyncio
import time
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx
from httpx import codes

from service.peers import tls

_SECONDS = 30.0  # for all of a message and its answer
_TIMES = httpx.Timeout(_SECONDS, connect=5.0)
_READ_BYTES, _TOLD_SIGNS = 4096, 200  # of an answer
_LONGEST_WAIT = 3600.0  # that another server may ask for
# What is over by itself; anything else is of the message or of the address, and asks for a person.
_PASSING = {codes.REQUEST_TIMEOUT, codes.TOO_MANY_REQUESTS}
_HEADERS = {"User-Agent": "RealNet", "Content-Type": "application/json", "Accept-Encoding": "identity"}


class Message(NamedTuple):
    url: str
    body: bytes
    headers: dict[str, str]


class NotSent(Exception):
    """A message was not taken. The message of this is one line, without the address, which may hold a secret.

    Attributes:
        asks_for_help: whether a person has to do something about it.
        retry_after: seconds that the other server asks for.
    """

    def __init__(self, why: str, asks_for_help: bool = False, retry_after: float = 0.0) -> None:
        super().__init__(why)
        self.asks_for_help, self.retry_after = asks_for_help, retry_after


def open_http() -> httpx.AsyncClient:
    """Return a client, to be closed; it follows no redirect, which could lead to any host."""
    return httpx.AsyncClient(verify=tls(), timeout=_TIMES, trust_env=False, headers=_HEADERS, follow_redirects=False)


async def send(http: httpx.AsyncClient, message: Message) -> None:
    """Post a message. Raises NotSent unless the other server says that it has it."""
    try:
        async with asyncio.timeout(_SECONDS):
            async with http.stream("POST", message.url, content=message.body, headers=message.headers) as answer:
                told = await _beginning(answer)
    except (TimeoutError, httpx.TimeoutException):
        raise NotSent("it did not answer in time") from None
    except (httpx.HTTPError, httpx.StreamError) as error:
        raise NotSent(f"it does not answer ({type(error).__name__})") from error
    if answer.is_success:
        return
    why = f"it answers {answer.status_code}: {told or codes.get_reason_phrase(answer.status_code)}"
    if answer.is_redirect:
        why = f"it answers {answer.status_code}, and redirects are not followed"
    retry_after = _seconds(answer.headers.get("Retry-After", ""))
    raise NotSent(why, answer.status_code < 500 and answer.status_code not in _PASSING, retry_after)


async def _beginning(answer: httpx.Response) -> str:
    """Return how an answer begins, in one line; what is short is read to its end, so that the connection stays."""
    read = b""
    async for block in answer.aiter_raw():
        read += block
        if len(read) > _READ_BYTES:
            break
    told = read[:_READ_BYTES].decode(errors="replace")
    return " ".join("".join(sign if sign.isprintable() else " " for sign in told).split())[:_TOLD_SIGNS]


def _seconds(retry_after: str) -> float:
    """Return for how many seconds a header asks, in either form that HTTP has; 0 for none."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(retry_after).timestamp() - time.time()
        except (ValueError, OverflowError):
            return 0.0
    return min(max(0.0, seconds), _LONGEST_WAIT)  # of a NaN 0: it is not greater
