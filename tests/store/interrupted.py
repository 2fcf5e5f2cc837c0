"""A store that is interrupted at one of its operations, and what may happen to it there."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

from service.store.base import Store, StoreError

T = TypeVar("T")
Fault = Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]


class Interrupted:
    """A store to which `fault` happens at its `at`-th operation, and at every one after it if it `lasts`."""

    def __init__(self, store: Store, at: int, fault: Fault, lasts: bool = False) -> None:
        self.operations = 0
        self._store, self._at, self._fault, self._lasts = store, at, fault, lasts

    async def put(self, key: str, value: bytes) -> None:
        await self._do(self._store.put(key, value))

    async def get(self, key: str) -> bytes | None:
        return await self._do(self._store.get(key))

    async def get_all(self, keys: Sequence[str]) -> list[bytes | None]:
        return await self._do(self._store.get_all(keys))

    async def delete(self, key: str) -> None:
        await self._do(self._store.delete(key))

    async def swap(self, key: str, old: bytes, new: bytes | None) -> bool:
        return await self._do(self._store.swap(key, old, new))

    async def keys(self, prefix: str) -> list[str]:
        return await self._do(self._store.keys(prefix))

    async def ping(self) -> None:
        await self._do(self._store.ping())

    async def close(self) -> None:
        await self._store.close()

    async def _do(self, operation: Coroutine[Any, Any, T]) -> T:
        self.operations += 1
        is_struck = self.operations == self._at or (self._lasts and self.operations > self._at)
        doing: Awaitable[T] = self._fault(operation) if is_struck else operation
        return await doing


async def refuse(operation: Coroutine[Any, Any, Any]) -> None:
    """Refuse the operation, which does not happen."""
    operation.close()
    raise StoreError("refused")


async def lose_the_reply(operation: Coroutine[Any, Any, Any]) -> None:
    """Let the operation happen, and raise an error in the place of its result."""
    await operation
    raise StoreError("no reply")


async def cancel(operation: Coroutine[Any, Any, T]) -> T:
    """Cancel the task that waits for the operation once the operation has begun."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().call_soon(task.cancel)
    return await operation
