"""Who comes to the server in a round: clients that teach, are cut off and resume, ask, err, read nothing and leave.

Whoever teaches has a name or a key and comes until all is acknowledged, so what must have been learnt is known exactly.
"""

import asyncio
import hashlib
import random
from collections import Counter
from contextlib import suppress
from typing import Any

import httpx
import msgspec
from websockets.frames import Frame, Opcode

from benchmarks.text import topics_text
from realnet.client import JSON, MSGPACK, RealNetError, StreamClient, open_stream

CLIENTS = 60  # of streams, in a round …
AT_ONCE = 12  # … and of any kind at a time
REQUESTS = 30  # of each other kind, in a round
TEXTS = 8  # that a client teaches
SINGLE = 10_000  # messages of one token in a round: the journal grows by messages, more than by tokens
LONGEST = 400  # characters of a text

WRONG: list[tuple[str, int]] = [  # messages, and what they are refused with
    ("{", 400),
    ("[1]", 422),
    ('{"type": "dance", "seq": 1}', 422),
    ('{"type": "input", "seq": 1}', 422),
    ('{"type": "input", "seq": 0, "text": "a"}', 422),
    ('{"type": "input", "seq": 1, "tokens": [1, 256]}', 422),
    ('{"type": "input", "seq": 1, "frames": [[0.5]]}', 422),
    ('{"type": "input", "seq": 1, "text": "a", "more": 1}', 422),
    ('{"type": "generate", "seq": 1, "temperature": -1}', 422),
]


class Visitors:
    """`acknowledged` are tokens, `counts` how often what was done."""

    def __init__(self, url: str) -> None:
        self.acknowledged = 0
        self.counts: Counter[str] = Counter()
        self._url = url
        self._chance = random.Random(0)
        self._told = topics_text()
        self._places = asyncio.Semaphore(AT_ONCE)

    async def come(self) -> None:
        """One round; when it ends, all have left, and all that they taught is acknowledged."""
        async with httpx.AsyncClient(base_url=self._url, timeout=60.0) as self._rest:
            async with open_stream(self._url) as deaf:  # reads nothing, all the while
                async with asyncio.TaskGroup() as tasks:
                    for _ in range(CLIENTS):
                        tasks.create_task(self._in_place(self._teach))
                    for _ in range(REQUESTS):
                        for each in (self._post, self._generate, self._leave_a_generation, self._err, self._knock):
                            tasks.create_task(self._in_place(each))
                    tasks.create_task(self._teach_singly())
                _abort(deaf)
            await self._pause()
            await self._save_and_restore()
            await self._check_that_nothing_is_left()

    async def _in_place(self, what: Any) -> None:
        async with self._places:
            await what()

    def _text(self) -> str:
        start = self._chance.randrange(len(self._told) - LONGEST)
        return self._told[start : start + self._chance.choice([1, 10, LONGEST])]

    def _new(self, what: str) -> str:
        """A name that nobody had."""
        self.counts[what] += 1
        return f"{what} {self.counts[what]}"

    async def _teach(self) -> None:
        """At every connection a few texts more, after the last durable one; most are cut off, some in a message."""
        name, texts = self._new("clients with a name"), [self._text() for _ in range(TEXTS)]
        acked = sent = 0
        while acked < TEXTS:
            async with open_stream(self._url, name, subprotocol=self._chance.choice([JSON, MSGPACK])) as client:
                self.counts["streams"] += 1
                assert acked <= client.last_seq <= sent, "an acknowledged input was lost"
                acked = client.last_seq
                until = min(TEXTS, acked + self._chance.randint(1, TEXTS))
                sent = max(sent, until)
                while client.last_seq < until:
                    await client.send_input(text=texts[client.last_seq])
                match self._chance.choice(["leave", "abort", "in a message"]):
                    case "leave":
                        acked = await _acked(client, until)
                    case "abort":
                        _abort(client)
                        self.counts["streams cut off"] += 1
                    case _:
                        half = Frame(Opcode.TEXT, b'{"type": "input", "seq": 9, "text": "never learnt"}')
                        client.connection.transport.write(half.serialize(mask=True)[: self._chance.randint(1, 40)])
                        _abort(client)
                        self.counts["streams cut off in a message"] += 1
        self.acknowledged += sum(map(len, texts))

    async def _teach_singly(self) -> None:
        async with open_stream(self._url, self._new("clients with a name")) as client:
            self.counts["streams"] += 1
            acking = asyncio.create_task(_acked(client, SINGLE))
            for sign in self._told[:SINGLE]:
                await client.send_input(text=sign)
            taught = await acking
        self.acknowledged += taught

    async def _post(self) -> None:
        """The same under one key: perhaps cut off, perhaps in its body, then until it is answered, then once more."""
        key, text = self._new("inputs with a key"), self._text()
        body = msgspec.json.encode({"text": text})
        cut = self._chance.choice([0, len(body) // 2, len(body)])
        if cut:
            head = (
                f"POST /v1/inputs HTTP/1.1\r\nhost: localhost\r\nidempotency-key: {key}\r\ncontent-length: {len(body)}"
            )
            await self._send_raw(head.encode() + b"\r\ncontent-type: application/json\r\n\r\n" + body[:cut])
        for status in (200, 202):
            wait = "true" if status == 200 else "false"
            headers = {"idempotency-key": key, "content-type": "application/json"}
            answer = await self._ask("POST", f"/v1/inputs?wait={wait}", content=body, headers=headers)
            assert (answer.status_code, answer.json()["accepted"]) == (status, len(text)), answer.text
        self.acknowledged += len(text)

    async def _generate(self) -> None:
        stream = self._chance.random() < 0.5
        prompt = {"prompt": "the ", "max_tokens": 32, "stream": stream}
        answer = await self._ask("POST", "/v1/generate", json=prompt)
        assert ("event: done" in answer.text) if stream else (len(answer.json()["tokens"]) == 32), answer.text
        self.counts["generations"] += 1

    async def _leave_a_generation(self) -> None:
        prompt = {"max_tokens": 4096, "seed": self._chance.randrange(2**32)}
        if self._chance.random() < 0.5:
            async with open_stream(self._url) as client:
                self.counts["streams"] += 1
                await client.send({"type": "generate", "seq": 1, **prompt})
                async for message in client:
                    if message["type"] in ("tokens", "error"):
                        break
                _abort(client)
        else:
            async with self._rest.stream("POST", "/v1/generate", json={**prompt, "stream": True}) as answer:
                lines = answer.aiter_lines()
                for _ in range(self._chance.randint(1, 20)):
                    if await anext(lines, None) is None:
                        break
        self.counts["generations left"] += 1

    async def _err(self) -> None:
        async with open_stream(self._url) as client:
            self.counts["streams"] += 1
            for raw, status in self._chance.sample(WRONG, 3):
                await client.connection.send(raw)
                refused = await _next(client, "error")
                assert refused["problem"]["status"] == status, (raw, refused)
                self.counts["messages refused"] += 1
            await client.send({"type": "ping"})
            await _next(client, "pong")
            if self._chance.random() < 0.2:
                with suppress(RealNetError):  # closed, 1009
                    await client.send({"type": "ping", "more": "x" * 2**20})
                    await _next(client, "pong")
                    raise AssertionError("a message of more than 1 MiB was taken")
        wrong: dict[str, Any] = self._chance.choice([{"tokens": [256]}, {"text": ""}, {"frames": [[2.0]]}])
        assert (await self._ask("POST", "/v1/inputs", json=wrong)).status_code == 422
        assert (await self._ask("GET", "/v1/snapshots/nothing")).status_code == 404
        self.counts["requests refused"] += 2

    async def _knock(self) -> None:
        """And leave in the middle of a request's head, or of a handshake."""
        head = (
            b"GET /v1/stream?client_id=x HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        )
        handshake = head + b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
        await self._send_raw(handshake[: self._chance.choice([0, 10, len(head), len(handshake)])])
        self.counts["handshakes cut off"] += 1

    async def _pause(self) -> None:
        """What is accepted meanwhile is learnt afterwards."""
        seen, text = await self.tokens_seen(), self._text()
        await self._ask("PATCH", "/v1/net", json={"paused": True})
        accepted = await self._ask("POST", "/v1/inputs", json={"text": text})
        assert accepted.status_code == 202, accepted.text
        assert await self.tokens_seen() == seen, "it has learnt in its pause"
        await self._ask("PATCH", "/v1/net", json={"paused": False})
        self.acknowledged += len(text)
        while await self.tokens_seen() != seen + len(text):
            await asyncio.sleep(0.01)
        self.counts["pauses"] += 1

    async def _save_and_restore(self) -> None:
        """Nothing is lost: nobody teaches meanwhile."""
        saved = (await self._ask("POST", "/v1/snapshots")).json()
        path = f"/v1/snapshots/{saved['id']}"
        data = (await self._ask("GET", f"{path}/data")).content
        assert hashlib.sha256(data).hexdigest() == saved["sha256"]
        assert (await self._ask("POST", f"{path}/restore")).status_code == 200
        assert (await self._ask("POST", "/v1/snapshots")).status_code == 201  # until then the restored one is needed
        assert (await self._ask("DELETE", path)).status_code == 204
        assert (await self._ask("POST", "/v1/snapshots")).status_code == 201
        self.counts["snapshots asked for"] += 3
        self.counts["restores"] += 1

    async def _check_that_nothing_is_left(self) -> None:
        async with asyncio.timeout(10.0):
            while True:
                metrics = (await self._ask("GET", "/metrics")).text.splitlines()
                if _all_zero(metrics, "generations", "queue_depth_ticks"):
                    break
                await asyncio.sleep(0.05)
        assert _all_zero(metrics, "snapshots_failed_total", "journal_failures_total")

    async def tokens_seen(self) -> int:
        return int((await self._ask("GET", "/v1/net")).json()["tokens_seen"])

    async def _ask(self, method: str, path: str, **others: Any) -> httpx.Response:
        """Again where the net is busy, or is at the same input."""
        self.counts["requests"] += 1
        while (answer := await self._rest.request(method, path, **others)).status_code in (409, 429):
            self.counts["requests told to come again"] += 1
            await asyncio.sleep(0.1)
        return answer

    async def _send_raw(self, data: bytes) -> None:
        url = httpx.URL(self._url)
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(data)
        writer.transport.abort()
        self.counts["requests cut off"] += 1


async def _acked(client: StreamClient, until: int) -> int:
    """When all up to `until` are acknowledged."""
    acked = client.hello["last_seq"]
    while acked < until:
        acked = (await _next(client, "ack"))["seq"]
    return until


async def _next(client: StreamClient, type: str) -> dict[str, Any]:
    async for message in client:
        if message["type"] == type:
            return message
        assert type == "error" or message["type"] != "error", message
    raise AssertionError("the server closed the stream")


def _abort(client: StreamClient) -> None:
    client.connection.transport.abort()


def _all_zero(metrics: list[str], *names: str) -> bool:
    return {f'realnet_{name}{{net="default"}} 0.0' for name in names} <= set(metrics)
