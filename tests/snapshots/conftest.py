"""What the tests of snapshots share."""

import pytest

from service.snapshots.catalog import SnapshotCatalog
from service.store.base import Store
from tests.snapshots.catalogs import NEW, OLD, open_catalog, save


@pytest.fixture
async def old_and_new(store: Store) -> SnapshotCatalog:
    """Snapshots 00000001 of OLD and 00000002 of NEW."""
    catalog = open_catalog(store)
    await save(catalog, OLD)
    await save(catalog, NEW)
    return catalog
