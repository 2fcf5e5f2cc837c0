"""A folder whose keys are listed once, whatever is put and deleted meanwhile, and where nobody knows what was."""

import asyncio
from collections.abc import Sequence

import pytest

from service.store.base import Store, StoreError
from service.store.own_keys import KeysOfNets, OwnKeys

pytestmark = pytest.mark.anyio


class Watched:
    """A store that counts its listings, and fails or lets others go first where it is told to."""

    def __init__(self, store: Store) -> None:
        self.store, self.listings = store, 0
        self.fails = False
        self.meanwhile: asyncio.Event | None = None

    async def put(self, key: str, value: bytes) -> None:
        await self.store.put(key, value)
        if self.fails:
            raise StoreError("nobody knows whether it was put")

    async def get(self, key: str) -> bytes | None:
        return await self.store.get(key)

    async def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        return await self.store.get_all(keys)

    async def delete(self, key: str) -> None:
        await self.store.delete(key)
        if self.fails:
            raise StoreError("nobody knows whether it was deleted")

    async def swap(self, key: str, old: bytes, new: bytes | None) -> bool:
        return await self.store.swap(key, old, new)

    async def keys(self, prefix: str) -> list[str]:
        self.listings += 1
        found = await self.store.keys(prefix)
        if self.meanwhile is not None:
            await self.meanwhile.wait()
        return found

    async def ping(self) -> None: ...

    async def close(self) -> None: ...


async def test_keys_are_listed_once(store: Store) -> None:
    for key in ("a/x/1", "a/x/2", "a/y", "b/x/1"):
        await store.put(key, b"")
    watched = Watched(store)
    own = OwnKeys(watched, "a/")
    assert await own.keys("a/x/") == ["a/x/1", "a/x/2"]
    await own.put("a/x/3", b"")
    await own.delete("a/x/1")
    assert await own.keys("a/x/") == ["a/x/2", "a/x/3"] == await store.keys("a/x/")
    assert await own.keys("a/y") == ["a/y"]
    assert await own.keys("a/z/") == []
    assert watched.listings == 1
    assert await own.keys("b/") == ["b/x/1"]
    assert watched.listings == 2


async def test_what_nobody_knows_is_listed_again(store: Store) -> None:
    watched = Watched(store)
    own = OwnKeys(watched, "a/")
    assert await own.keys("a/") == []
    watched.fails = True
    with pytest.raises(StoreError):
        await own.put("a/1", b"")
    assert await own.keys("a/") == ["a/1"]
    with pytest.raises(StoreError):
        await own.delete("a/1")
    assert await own.keys("a/") == []
    assert watched.listings == 3


async def test_what_is_put_during_a_listing_is_not_overlooked(store: Store) -> None:
    watched = Watched(store)
    own = OwnKeys(watched, "a/")
    watched.meanwhile = asyncio.Event()
    listing = asyncio.create_task(own.keys("a/"))
    while not watched.listings:
        await asyncio.sleep(0)
    await own.put("a/1", b"")
    watched.meanwhile.set()
    await listing
    assert await own.keys("a/") == ["a/1"]


async def test_keys_of_nets_that_were_listed_together_are_not_listed_again(store: Store) -> None:
    for key in ("a/x/1", "b/x/1", "c/y"):
        await store.put(key, b"")
    watched = Watched(store)
    keys = KeysOfNets(watched)
    keys.begin(["a/journal/1", *await store.keys("")], {"a", "b"})
    own = keys.take("a")
    assert await own.keys("a/") == ["a/x/1"]
    await own.put("a/x/2", b"")
    keys.give_back("a", own)
    assert await keys.take("a").keys("a/") == ["a/x/1", "a/x/2"]
    assert await keys.take("new").keys("new/") == []
    assert watched.listings == 0
    assert await keys.take("a").keys("a/") == ["a/x/1", "a/x/2"]  # nobody knows what was put meanwhile
    keys.forget("a")
    assert watched.listings == 1
    assert await keys.take("a").keys("a/") == []
