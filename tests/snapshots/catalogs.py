"""Catalogues with small chunks, and snapshots to save in them."""

from service.snapshots.catalog import SnapshotCatalog
from service.store.base import Store

OLD = b"the snapshot before"
NEW = b"the new snapshot that is longer"


def open_catalog(store: Store, retention: int = 5, name: str = "default") -> SnapshotCatalog:
    return SnapshotCatalog(store, retention, name, most_kept=9, chunk_bytes=12)  # OLD is 2 chunks, NEW is 3


async def save(catalog: SnapshotCatalog, data: bytes, tick: int = 0) -> str:
    return (await catalog.save(data, tick, state_sha256="5" * 64)).id
