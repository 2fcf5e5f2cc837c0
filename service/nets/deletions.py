"""Nets that are being deleted, with all that is stored of them, until that is done."""

import asyncio
import logging
import shutil
from collections.abc import Awaitable, Callable

from service.aio import in_thread
from service.nets.children import Children
from service.runtime.open_store import OpenStore
from service.store.base import StoreError
from service.store.keys import NetKeys, deleted_net_key, manifest_key
from service.store.own_keys import KeysOfNets

_AGAIN_SECONDS = 0.5  # until a store in trouble is asked again
_logger = logging.getLogger(__name__)


class Deletions:
    """Deletes nets, each in a task of its own. On the loop.

    A key that says that a net is deleted is put first, and deleted last: what a crash has interrupted goes on at the
    next start. `end` has a net end that is in memory; `writing` is held by who puts a manifest.
    """

    def __init__(
        self,
        place: OpenStore,
        keys: KeysOfNets,
        children: Children,
        end: Callable[[str], Awaitable[None]],
        writing: asyncio.Lock,
    ) -> None:
        self._place, self._store, self._keys, self._children = place, place.store, keys, children
        self._end, self._writing = end, writing
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._troubles: dict[str, StoreError] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._tasks

    def begin(self, name: str) -> None:
        """Delete a net, which nobody is to find any more."""
        self._tasks[name] = asyncio.create_task(self._delete(name), name=f"deletion of {name}")

    async def wait(self, name: str) -> None:
        """Return when a net is gone. Raises StoreError, and then it is deleted as soon as the store lets it."""
        task = self._tasks[name]
        while not task.done():
            if name in self._troubles:
                raise self._troubles[name]
            await asyncio.wait([task], timeout=_AGAIN_SECONDS)

    def cancel(self) -> None:
        """Delete no further."""
        for task in self._tasks.values():
            task.cancel()

    async def close(self) -> None:
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _delete(self, name: str) -> None:
        while True:
            try:
                await self._delete_all_of(name)
                break
            except StoreError as error:
                if name not in self._troubles:
                    _logger.error("the net %s is still to be deleted: %s", name, error)
                self._troubles[name] = error
                await asyncio.sleep(_AGAIN_SECONDS)
        self._troubles.pop(name, None)
        del self._tasks[name]
        _logger.info("the net %s is deleted", name)

    async def _delete_all_of(self, name: str) -> None:
        await self._store.put(deleted_net_key(name), b"")
        await self._end(name)
        async with self._writing:
            await self._store.delete(manifest_key(name))
        if (directory := self._place.directory) is None:
            keys = [*await self._keys.take(name).keys(f"{name}/"), NetKeys(name).journal]
        else:
            keys = await self._store.keys(f"{name}/")
        for key in keys:
            await self._store.delete(key)
        if directory is not None:  # what jobs have left, and empty folders
            await in_thread(lambda: shutil.rmtree(directory / name, ignore_errors=True))
        self._keys.forget(name)
        await self._children.remove(name)
        await self._store.delete(deleted_net_key(name))
