"""Streams in the store: each in chunks, with one manifest that tells what is in it."""

import base64
import contextlib
import hashlib
import re
import secrets

import msgspec

from service.errors import Conflict
from service.store.base import Store
from service.store.chunked import ChunkedValues, sha256_of
from service.store.keys import NetKeys
from service.store.sealed import Sealed
from service.streams.stream import StreamInfo

_CHUNK_BYTES = 16 * 2**20  # a Redis value is at most 512 MB, and a call has seconds
_ID = re.compile(r"[0-9a-f]{32}")


class StreamDamaged(Conflict):
    """What is stored of a stream is not what was written; `what` says in which way."""

    def __init__(self, id: str, what: str) -> None:
        super().__init__(f"what is kept of the stream is damaged ({what}): delete it to begin anew")
        self.id = id


class _Manifest(Sealed, frozen=True):
    folder: str
    info: str
    chunks: tuple[str, ...]  # the SHA-256 of each


class Shelf:
    """The streams of the net `name` that are stored. Every method may raise StoreError."""

    def __init__(self, store: Store, name: str) -> None:
        keys = NetKeys(name)
        self._values = ChunkedValues(
            store,
            chunks=keys.streams,
            manifests=keys.stream_manifests,
            kind=_Manifest,
            id=_ID,
            damaged=StreamDamaged,
            folder_of=lambda manifest: manifest.folder,
        )

    async def infos(self) -> list[StreamInfo]:
        """Return what is known of each stream. One whose manifest is damaged is left out."""
        return [_info_of(manifest) for manifest in await self._values.whole()]

    async def info(self, name: str) -> StreamInfo | None:
        """Return what is known of a stream; None if it is not stored, or damaged."""
        with contextlib.suppress(StreamDamaged):
            if (manifest := await self._values.find(_id_of(name))) is not None:
                return _info_of(manifest)
        return None

    async def save(self, info: StreamInfo, data: bytes) -> None:
        """Store a stream in place of what it was; a reader finds the one or the other."""
        id, folder, before = _id_of(info.name), secrets.token_hex(16), None
        with contextlib.suppress(StreamDamaged):
            before = await self._values.find(id)
        parts = [data[start : start + _CHUNK_BYTES] for start in range(0, len(data), _CHUNK_BYTES)]
        for index, part in enumerate(parts):
            await self._values.put_chunk(folder, index, part)
        told = base64.b64encode(msgspec.msgpack.encode(info)).decode()
        hashes = tuple([await sha256_of(part) for part in parts])
        await self._values.publish(_Manifest(id=id, folder=folder, info=told, chunks=hashes))
        if before is not None:
            await self._values.discard(before.folder)

    async def load(self, name: str) -> bytes | None:
        """Return what was stored of a stream; None if nothing was. Raises StreamDamaged."""
        id = _id_of(name)
        while (manifest := await self._values.find(id)) is not None:
            try:
                chunks = enumerate(manifest.chunks)
                return b"".join([await self._values.chunk(id, manifest.folder, *each) for each in chunks])
            except StreamDamaged:
                if await self._values.find(id) == manifest:  # else it was stored anew meanwhile
                    raise
        return None

    async def delete(self, name: str) -> None:
        """Delete a stream; no error if there is none."""
        id, folder = _id_of(name), None
        with contextlib.suppress(StreamDamaged):
            if (manifest := await self._values.find(id)) is not None:
                folder = manifest.folder
        await self._values.withdraw(id)
        if folder is not None:
            await self._values.discard(folder)

    async def sweep(self) -> None:
        """Delete what an interruption has left."""
        await self._values.sweep()


def _id_of(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:32]


def _info_of(manifest: _Manifest) -> StreamInfo:
    return msgspec.msgpack.decode(base64.b64decode(manifest.info), type=StreamInfo)
