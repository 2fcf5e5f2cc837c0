"""What members of a merge tell each other, and how one asks the others."""

import asyncio
from typing import Annotated

import httpx
import msgspec

from service.errors import PeerFailed
from service.peers import Peer, failed

MOST_PEERS = 16
_SECONDS = 300.0  # for a share to come, and for a peer to adopt: who needs longer is late
_RETRY_SECONDS = 1.0
_MOST_BYTES = 2**28  # of a share
OCTETS = "application/octet-stream"

Sha256 = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Bundle(msgspec.Struct, frozen=True):
    """The shares that are merged, by member, the ancestor of all of them, and the lines that come of it."""

    ancestor: Sha256
    lines_sha256: Sha256
    shares: Annotated[dict[Sha256, bytes], msgspec.Meta(min_length=1, max_length=MOST_PEERS + 1)]

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Bundle":
        """Read what `to_bytes` wrote. Raises ValueError."""
        return msgspec.msgpack.decode(data, type=cls)


async def share_of_peer(peer: Peer, ancestor: str) -> bytes | PeerFailed:
    """Return what a peer has learnt since this ancestor, or why it is left out."""
    told = bytearray()
    try:
        async with (
            asyncio.timeout(_SECONDS),
            peer.http() as http,
            http.stream("POST", "/merges/share", json={"ancestor": ancestor}, timeout=_SECONDS) as answer,
        ):
            async for block in answer.aiter_bytes():
                told += block
                if len(told) > _MOST_BYTES:
                    return PeerFailed(f"{peer.url} tells more than {_MOST_BYTES} bytes")
            if not answer.is_success:
                return failed(peer, answer.status_code, told)
    except (httpx.HTTPError, TimeoutError) as error:
        return _silent(peer, error)
    return bytes(told)


async def adopted_by(peer: Peer, bundle: Bundle, waits: bool = True) -> str | None:
    """Have a peer adopt a merge, and return when it has; or why it has not. Who `waits` asks again while it is away."""
    data, headers = bundle.to_bytes(), {"Content-Type": OCTETS}
    try:
        async with asyncio.timeout(_SECONDS), peer.http() as http:
            while True:
                try:
                    answer = await http.post("/merges/adopt", content=data, headers=headers, timeout=_SECONDS)
                    break
                except httpx.TransportError:  # what it has begun, it ends: it may be asked twice
                    if not waits:
                        raise
                    await asyncio.sleep(_RETRY_SECONDS)
    except (httpx.HTTPError, TimeoutError) as error:
        return str(_silent(peer, error))
    if not answer.is_success:
        return str(failed(peer, answer.status_code, answer.content))
    return _why_not(answer, bundle.lines_sha256)


def _why_not(answer: httpx.Response, lines_sha256: str) -> str | None:
    """Return why a peer has not adopted what it was told, from its answer, a job."""
    try:
        job = answer.json()
        result, error = job["result"] or {}, job["error"] or {}
        if not result.get("adopted"):
            return str(result.get("why") or error.get("detail") or job["status"])
        return None if result["lines_sha256"] == lines_sha256 else "it has made other lines of it"
    except (ValueError, KeyError, TypeError, AttributeError):
        return "it answers with no job"


def _silent(peer: Peer, error: Exception) -> PeerFailed:
    return PeerFailed(f"{peer.url} does not answer ({type(error).__name__})")
