"""Ask another RealNet server for its net: how it is, its snapshots, and its journal."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from realnet.interface import Interface
from service.errors import Conflict, Forbidden, PeerFailed
from service.peers import Peer, failed
from service.replica.replica import ServiceState
from service.snapshots.snapshot import Snapshot

_PAGE = 1000
_WRITE_BYTES = 2**20
Kind = TypeVar("Kind", bound=BaseModel)


class _Net(BaseModel):
    inputs: int
    outputs: int
    vocabulary: str | None


class _Me(BaseModel):
    scope: str | None


class _Page(BaseModel):
    data: list[Snapshot]
    next: str | None


class OtherServer:
    """Another server, within `asked`. Every call may raise PeerFailed."""

    def __init__(self, peer: Peer, http: httpx.AsyncClient) -> None:
        self.url = peer.url
        self._peer = peer
        self._http = http

    @classmethod
    @asynccontextmanager
    async def asked(cls, peer: Peer) -> AsyncIterator["OtherServer"]:
        async with peer.http() as http:
            yield cls(peer, http)

    async def check(self, interface: Interface) -> None:
        """Raise Forbidden where all may not be asked of it, and Conflict for a net of another kind than this one."""
        me = await self._read(_Me, "/me")
        if me.scope not in ("admin", None):
            raise Forbidden(f"the key to {self.url} has the scope {me.scope}, and a life is given to admin alone")
        net = await self._read(_Net, "/net")  # which refuses a caller without any scope
        own = None if interface.vocabulary is None else interface.vocabulary.name
        if (net.vocabulary, net.inputs, net.outputs) != (own, interface.inputs, interface.outputs):
            raise Conflict(f"the net of {self.url} has other inputs or outputs than this one")

    async def save(self) -> Snapshot:
        """Have it take a snapshot now, which goes when there are newer ones."""
        return await self._read(Snapshot, "/snapshots", {"kept": False, "name": "taken over by another server"})

    async def snapshots(self) -> list[Snapshot]:
        """Return all of its snapshots, oldest first."""
        found: list[Snapshot] = []
        after: str | None = ""
        while after is not None:
            page = await self._read(_Page, f"/snapshots?limit={_PAGE}&after={after}")
            found += page.data
            after = page.next
        return found

    async def memory(self, id: str) -> bytes:
        """Return what it remembers beside a snapshot."""
        return (await self._answered("GET", f"/snapshots/{id}/memory")).content

    async def state(self, id: str) -> ServiceState | None:
        """Return the same as what it says; None if it is nothing."""
        memory = await self.memory(id)
        try:
            return ServiceState.from_bytes(memory) if memory else None
        except ValueError as error:
            raise PeerFailed(f"{self.url}: its memory beside snapshot {id} is of another version: {error}") from error

    async def download(self, path: str, file: Path, most: int | None = None) -> int:
        """Write an answer to a file, of at most so many bytes if that is said; return how many they are."""
        count = 0
        try:
            with file.open("wb", buffering=_WRITE_BYTES) as opened:
                async with self._http.stream("GET", path, headers={"Accept-Encoding": "identity"}) as answer:
                    if not answer.is_success:
                        await answer.aread()
                        raise failed(self._peer, answer.status_code, answer.content)
                    async for piece in answer.aiter_raw():
                        count += len(piece)
                        if most is not None and count > most:
                            raise PeerFailed(
                                f"{self.url} sends more than {most} bytes: REALNET_MAX_DATASET_BYTES allows no more"
                            )
                        opened.write(piece)
        except httpx.HTTPError as error:
            raise self._gone(error) from error
        return count

    async def _read(self, kind: type[Kind], path: str, body: dict[str, Any] | None = None) -> Kind:
        answer = await self._answered("GET" if body is None else "POST", path, body)
        try:
            return kind.model_validate_json(answer.content)
        except ValidationError as error:
            raise PeerFailed(f"{self.url} does not answer {path.partition('?')[0]} as a RealNet server does") from error

    async def _answered(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise self._gone(error) from error
        if not answer.is_success:
            raise failed(self._peer, answer.status_code, answer.content)
        return answer

    def _gone(self, error: httpx.HTTPError) -> PeerFailed:
        why = " ".join(str(error).split()) or type(error).__name__
        return PeerFailed(f"{self.url} does not answer, or no longer: {why}")
