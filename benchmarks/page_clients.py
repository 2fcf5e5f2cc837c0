"""Open pages without a browser, in a process of their own: each asks the server exactly what `service/page/` asks.

`python -m benchmarks.page_clients URL COUNT` says `open` when all are, and ends with its standard input.
"""

import asyncio
import json
import sys
import time
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

_AT_START = ("/v1/me", "/v1/jobs?limit=1000", "/v1/snapshots?limit=1000", "/v1/datasets?limit=1000")
_AT_ONCE = 20  # are opened
_MOST_MEASURED = 2**20  # as in life.js


class Page:
    """What the page does with the messages of its stream: see life.js and activity.js for when it asks for more."""

    def __init__(self, url: str, client: httpx.AsyncClient) -> None:
        self._url = url
        self._client = client
        self._asked = self._asked_anchors = self._asked_matrix = float("-inf")
        self._measured = 0
        self._looking: asyncio.Task[None] | None = None
        self.is_open = asyncio.Event()

    async def live(self) -> None:
        for path in _AT_START:
            await self._get(path)
        url = self._url.replace("http", "ws") + "/v1/stream?watch=true&outputs=surprise"
        async with (
            connect(url, subprotocols=[Subprotocol("realnet.v1.json")], compression=None) as stream,
            asyncio.TaskGroup() as group,
        ):
            async for raw in stream:
                message = json.loads(raw)
                self.is_open.set()
                if message["type"] == "watch" and (self._looking is None or self._looking.done()):
                    self._looking = group.create_task(self._look(message["net"]))

    async def _look(self, net: dict[str, Any]) -> None:
        now, seen, listeners = time.monotonic(), net["tokens_seen"], net["listeners"]
        if now - self._asked >= max(2, listeners / 10):
            self._asked = now
            if self._measured < 0.9 * min(seen, _MOST_MEASURED) and now - self._asked_anchors > 5:
                self._asked_anchors = now
                self._measured = (await self._get("/v1/net/anchors"))["tokens"]
            await self._get("/v1/net/history")
        if now - self._asked_matrix >= max(5, listeners / 3):
            self._asked_matrix = now
            await self._get("/v1/net/matrix")

    async def _get(self, path: str) -> dict[str, Any]:
        return dict((await self._client.get(path)).raise_for_status().json())


async def live(url: str, count: int) -> None:
    async with httpx.AsyncClient(base_url=url, timeout=60.0) as client, asyncio.TaskGroup() as group:
        pages = [Page(url, client) for _ in range(count)]
        tasks = []
        for first in range(0, count, _AT_ONCE):
            some = pages[first : first + _AT_ONCE]
            tasks += [group.create_task(page.live()) for page in some]
            await asyncio.gather(*(page.is_open.wait() for page in some))
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], int(sys.argv[2])))
