"""What servers on one Redis tell of themselves: a value each, that Redis forgets by itself."""

from typing import cast

from service.store.file_members import FORGOTTEN_SECONDS
from service.store.keys import REDIS_MEMBER
from service.store.redis_client import open_client, place_of, translated_errors

_CALL_SECONDS = 2.0
_MILLISECONDS = round(1000 * FORGOTTEN_SECONDS)


class RedisMembers:
    def __init__(self, url: str) -> None:
        self._client = open_client(url, _CALL_SECONDS)
        self._place = place_of(self._client)

    async def tell(self, id: str, what: bytes) -> None:
        with translated_errors(self._place, _CALL_SECONDS):
            await self._client.set(REDIS_MEMBER + id, what, px=_MILLISECONDS)

    async def all(self) -> list[tuple[bytes, float]]:
        with translated_errors(self._place, _CALL_SECONDS):
            names = sorted([name async for name in self._client.scan_iter(match=f"{REDIS_MEMBER}*", count=1000)])
            pipeline = self._client.pipeline(transaction=False)
            for name in names:
                pipeline.get(name)
                pipeline.pttl(name)
            found = await pipeline.execute() if names else []
        pairs = zip(found[::2], found[1::2], strict=True)
        return [(cast(bytes, what), (_MILLISECONDS - left) / 1000) for what, left in pairs if what is not None]

    async def leave(self, id: str) -> None:
        with translated_errors(self._place, _CALL_SECONDS):
            await self._client.delete(REDIS_MEMBER + id)

    async def close(self) -> None:
        await self._client.aclose()
