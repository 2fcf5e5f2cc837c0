"""What a gateway asks all shards: which nets there are, how many, and how the shards are."""

import asyncio
import math
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import msgspec
from starlette.types import Scope as Connection
from starlette.types import Send

from service.api.http_client import Headers
from service.api.passing import Body, Broken, target_of
from service.auth.share import Share
from service.cluster.onward import Onward, in_name_of
from service.cluster.shards import shard_of
from service.errors import Conflict, NotReady
from service.settings import Settings

_LIMIT = 100  # of a list, where none is asked for
_LOOK_SECONDS = 2.0
_COUNTS = b"/v1/shard"
_JSON: Headers = [(b"content-type", b"application/json")]
_OF_A_REFUSAL = (b"content-type", b"retry-after", b"www-authenticate")


class Counted(msgspec.Struct):
    """How many nets a shard has, beside `default`; `own` are those that the key is for."""

    nets: int
    own: int
    hot: int
    bytes: int


class Everywhere:
    """All nets of a cluster."""

    def __init__(self, onward: Onward, settings: Settings) -> None:
        self._onward, self._settings = onward, settings
        self._being_made: list[str] = []  # by this gateway

    async def check_ready(self, scope: Connection, body: Body, send: Send) -> None:
        """Answer that the gateway is ready, if any of the shards is there. Raises NotReady."""
        if not any(self._onward.tally.up):
            raise NotReady("none of the shards is there")
        await _answer(send, b'{"status":"ready"}')

    async def list_nets(self, scope: Connection, body: Body, send: Send) -> None:
        """Answer with the lists of all shards as one, in pages. Raises NotReady."""
        answers = await self._asked(scope, send)
        if answers is None:
            return
        limit = int(parse_qs(scope["query_string"].decode("latin-1")).get("limit", [str(_LIMIT)])[-1])
        found = sorted((net for answer in answers for net in answer["data"]), key=lambda net: str(net["name"]))
        has_more = len(found) > limit or any(answer["has_more"] for answer in answers)
        shown = {"data": found[:limit], "has_more": has_more, "next": found[:limit][-1]["name"] if has_more else None}
        await _answer(send, msgspec.json.encode(shown))

    async def list_models(self, scope: Connection, body: Body, send: Send) -> None:
        """Answer with the models of all shards as one list. Raises NotReady."""
        answers = await self._asked(scope, send)
        if answers is not None:
            found = sorted((each for answer in answers for each in answer["data"]), key=lambda model: str(model["id"]))
            await _answer(send, msgspec.json.encode(answers[0] | {"data": found}))

    async def create_net(self, scope: Connection, body: Body, send: Send) -> None:
        """Have the shard of its name make a net, if there may be another. Raises Conflict or NotReady."""
        await body.begin(math.inf)
        name = name_in(body.read, "name") or ""  # a shard says what is wrong with that
        counted = sum_of(await self.counted(scope))
        self._check_may_be(counted, scope["realnet.caller"].share)
        self._being_made.append(name)
        try:
            await self._onward.pass_on(shard_of(name, self._onward.shards.count), scope, body, send)
        finally:
            self._being_made.remove(name)

    async def seen(self, scope: Connection) -> list[dict[str, Any]]:
        """Return where each shard is, and what it has if it answers. Raises StoreError."""
        found = {each.shard: each for each in await self._onward.shards.seen()}
        headers = in_name_of(scope)

        async def look(shard: int) -> dict[str, Any]:
            if (there := found.get(shard)) is None:
                return {"shard": shard, "state": "away"}
            shown = {"state": "away", **there.model_dump(exclude={"pid"})}
            with suppress(Broken, TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    status, _, body = await self._onward.passer.ask(there.url, _COUNTS, headers)
                if status == 200:
                    shown |= {"state": "ready", **msgspec.json.decode(body)}
            return shown

        return await asyncio.gather(*map(look, range(self._onward.shards.count)))

    async def counted(self, scope: Connection) -> list[Counted]:
        """Return how many nets each shard has. Raises NotReady."""
        answers = await self._onward.ask_all(_COUNTS, scope)
        for shard, (status, _, body) in enumerate(answers):
            if status != 200:
                raise NotReady(f"shard {shard} does not tell which nets it has ({status}): {body.decode()[:300]}")
        return [msgspec.json.decode(body, type=Counted) for _, _, body in answers]

    def _check_may_be(self, counted: Counted, share: Share) -> None:
        """Raise Conflict unless another net may be made; one that is being made counts as made."""
        most = self._settings.nets
        if counted.nets + len(self._being_made) >= most:
            raise Conflict(f"there are {most} nets beside default, and no more may be: delete one")
        own = counted.own + sum(map(share.includes, self._being_made))
        if share.max_nets is not None and own >= share.max_nets:
            raise Conflict(f"the key may have {share.max_nets} nets, and no more: delete one")

    async def _asked(self, scope: Connection, send: Send) -> list[dict[str, Any]] | None:
        """Return what all shards answer; where one refuses, answer with its refusal, and return None."""
        answers = await self._onward.ask_all(target_of(scope), scope)
        for status, headers, body in answers:
            if status != 200:
                kept = [each for each in headers if each[0] in _OF_A_REFUSAL]
                await _answer(send, body, status, kept)
                return None
        return [msgspec.json.decode(body) for _, _, body in answers]


def sum_of(counted: list[Counted]) -> Counted:
    return Counted(*(sum(values) for values in zip(*map(msgspec.structs.astuple, counted), strict=True)))


def name_in(body: bytes, field: str) -> str | None:
    """Return the name of a net in a body of JSON; None where there is none, and its shard says what is wrong."""
    try:
        name = msgspec.json.decode(body, type=dict[str, object]).get(field)
    except msgspec.DecodeError:
        return None
    return name if isinstance(name, str) else None


async def _answer(send: Send, body: bytes, status: int = 200, headers: Headers = _JSON) -> None:
    said = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": said})
    await send({"type": "http.response.body", "body": body})
