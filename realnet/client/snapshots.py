"""Save, list, keep, name, download, upload, restore and delete snapshots."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

from msgspec import UNSET, UnsetType

from realnet.client.files import download
from realnet.client.http import Http
from realnet.client.models import Snapshot
from realnet.client.pages import all_of

_LONG = 600.0  # seconds, for what writes or reads all of a large net


class AsyncSnapshots:
    """The snapshots of the live net."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def save(self, name: str | None = None, *, kept: bool = True) -> Snapshot:
        """Save the net as it is now, and return the snapshot when it is verified in the store."""
        body = {"name": name, "kept": kept}
        return await self._http.ask(Snapshot, "POST", "/v1/snapshots", body=body, timeout=_LONG)

    async def list(self) -> list[Snapshot]:
        """Return all snapshots, oldest first."""
        return await all_of(Snapshot, self._http, "/v1/snapshots")

    async def get(self, id: str) -> Snapshot:
        return await self._http.ask(Snapshot, "GET", f"/v1/snapshots/{id}")

    async def change(
        self, id: str, *, name: str | UnsetType | None = UNSET, kept: bool | UnsetType = UNSET
    ) -> Snapshot:
        """Name a snapshot (None takes its name away), keep it until it is deleted, or no longer."""
        body = {field: value for field, value in {"name": name, "kept": kept}.items() if value is not UNSET}
        return await self._http.ask(Snapshot, "PATCH", f"/v1/snapshots/{id}", body=body, is_repeatable=True)

    async def download(
        self, id: str, path: str | Path, *, size: int | None = None, weights: Literal["full", "lean"] | None = None
    ) -> Path:
        """Write a snapshot to `path` as one safetensors file, whole or not at all.

        With `size`, bytes for its lines, or `weights` it is a smaller net, for a device with little memory.
        """
        query = {"size": size, "weights": weights}
        return await download(self._http, f"/v1/snapshots/{id}/data", Path(path), query)

    async def memory(self, id: str) -> bytes:
        """Return what the server remembers beside a snapshot: who taught the net what, and how far, as MessagePack."""
        async with self._http.answer("GET", f"/v1/snapshots/{id}/memory") as answer:
            return await answer.aread()

    async def upload(self, path: str | Path, name: str | None = None) -> Snapshot:
        """Have the server keep a snapshot that was downloaded, from it or from one with such a net, to be restored."""
        return await self._http.ask(
            Snapshot,
            "POST",
            "/v1/snapshots/upload",
            query={"name": name},
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(Path(path).stat().st_size)},
            content=_Blocks(Path(path)),
            timeout=_LONG,
        )

    async def restore(self, id: str) -> Snapshot:
        """Put the net back to a snapshot: what it was taught since, and what waits to be learnt, is undone."""
        return await self._http.ask(Snapshot, "POST", f"/v1/snapshots/{id}/restore", timeout=_LONG)

    async def delete(self, id: str) -> None:
        await self._http.ask(type(None), "DELETE", f"/v1/snapshots/{id}")


class _Blocks:
    """The bytes of a file, from the beginning each time it is sent."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with self._path.open("rb") as file:
            while block := file.read(2**18):
                yield block
