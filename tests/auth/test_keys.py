"""Nobody gets in: every route and the WebSocket, with keys that are missing, wrong, revoked or of too small a scope."""

import asyncio
import json
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.routing import BaseRoute
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from service.app import create_app
from service.auth.keyring import Keyring
from service.auth.keys import Key, KeysError, Scope, create_key, digest_of, read_keys, revoke_key
from service.client import JSON
from service.settings import Settings
from tests.running_server import RunningServer, ThreadServer

SEEN_SECONDS = 10.0  # a change of the file is seen within 1 s, and a busy machine may be slow
ENDLESS = 10_000_000  # tokens, of a generation


class Guarded:
    """A server with a file of keys, and a key of each scope."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "keys"
        self.keys = {scope: create_key(self.file, scope.word, scope) for scope in (Scope.READ, Scope.TEACH)}
        self.keys[Scope.ADMIN] = "an-admins-key-of-the-environment"
        self.server = ThreadServer(
            directory,
            neurons=1000,
            max_tokens=ENDLESS,
            keys_file=self.file,
            api_key=self.keys[Scope.ADMIN],
        )
        self.server.client.headers = bearer(self.keys[Scope.ADMIN])
        self.stranger = httpx.Client(base_url=self.server.url)

    def status(self, method: str, path: str, headers: dict[str, str]) -> int:
        response = self.stranger.request(method, path, headers=httpx.Headers(headers, encoding="latin-1"))
        if response.status_code in (401, 403) and method != "HEAD":
            assert response.headers["content-type"] == "application/problem+json"
            assert response.headers["www-authenticate"].startswith("Bearer")
            assert response.json()["status"] == response.status_code
        return response.status_code

    def stream(self, key: str | None, *subprotocols: str) -> ClientConnection:
        return connect(
            f"ws://127.0.0.1:{self.server.port}/v1/stream",
            additional_headers=None if key is None else bearer(key),
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            compression=None,
        )

    def stream_status(self, key: str | None, *subprotocols: str) -> int:
        """101 where the stream is opened."""
        try:
            with self.stream(key, *subprotocols) as connection:
                assert json.loads(connection.recv())["type"] == "hello"
                return 101
        except InvalidStatus as error:
            return error.response.status_code


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def walk(routes: Iterable[BaseRoute]) -> Iterator[Any]:
    """All of them, also those of routers within."""
    for route in routes:
        inner = getattr(route, "original_router", None)
        if inner is None:
            yield route
        else:
            yield from walk(inner.routes)


ROUTES = list(walk(create_app(Settings()).routes))


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path_factory.mktemp("keys"))
    guarded.server.start()
    yield guarded
    guarded.server.close()
    guarded.stranger.close()


@pytest.fixture(scope="module")
def refused_keys(guarded: Guarded) -> dict[str, dict[str, str]]:
    """Headers that must open nothing."""
    revoked = create_key(guarded.file, "revoked", Scope.ADMIN)
    until(lambda: guarded.status("GET", "/v1/net", bearer(revoked)) == 200)
    revoke_key(guarded.file, "revoked")
    until(lambda: guarded.status("GET", "/v1/net", bearer(revoked)) == 401)
    admin = guarded.keys[Scope.ADMIN]
    digest = digest_of(guarded.keys[Scope.READ]).hex()
    return {
        "missing": {},
        "revoked": bearer(revoked),
        "wrong": bearer("rn_" + "A" * 43),
        "one sign less": bearer(admin[:-1]),
        "a hash": bearer(digest),
        "a line of the file": bearer(f"read read sha256:{digest}"),
        "empty": {"Authorization": "Bearer"},
        "not ASCII": {"Authorization": "Bearer \xe4\xf6\xfc"},
        "another scheme": {"Authorization": f"Basic {admin}"},
        "a cookie": {"Cookie": f"key={admin}"},
    }


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SEEN_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_every_route_declares_its_scope() -> None:
    guarded = create_app(Settings()).guarded  # type: ignore[attr-defined]
    assert [(route.path, route.name) for route in ROUTES] == [(route.path, route.name) for route in guarded]
    for route in ROUTES:
        assert isinstance(route.endpoint.scope, Scope), route.path
    assert [route.path for route in ROUTES if route.endpoint.scope is Scope.OPEN] == ["/healthz"]
    writing = [route for route in ROUTES if (getattr(route, "methods", None) or set()) & {"PATCH", "DELETE", "PUT"}]
    assert all(route.endpoint.scope is Scope.ADMIN for route in writing)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.path} {route.name}")
def test_a_route_asks_for_its_key(guarded: Guarded, refused_keys: dict[str, dict[str, str]], route: Any) -> None:
    needed: Scope = route.endpoint.scope
    path = route.path.replace("{id:job}", "{id}").replace("{id}", "00000099")
    methods = getattr(route, "methods", None)
    if methods is None:  # a WebSocket
        assert path == "/v1/stream"
        return
    before = guarded.server.weights()
    for method in methods:
        for name, headers in refused_keys.items():
            assert guarded.status(method, path, headers) == (200 if needed is Scope.OPEN else 401), name
        for scope, key in guarded.keys.items():
            status = guarded.status(method, path, bearer(key))
            if scope < needed:
                assert status == 403, scope
            else:
                assert status not in (401, 403, 500), scope
    assert guarded.server.weights() == before


@pytest.mark.parametrize("path", ["/", "/v1", "/v1/net/", "/v1/nothing", "//v1/net", "/v1/../v1/net", "/v1/stream"])
def test_what_there_is_not_is_not_told_to_strangers(guarded: Guarded, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "TRACE"):
        assert guarded.status(method, path, {}) == 401
    assert guarded.status("GET", path, bearer(guarded.keys[Scope.READ])) in (200, 307, 404)


def test_a_stranger_is_refused_before_what_he_sends_is_looked_at(guarded: Guarded) -> None:
    headers = {"content-type": "application/json"}
    for content in (b"{", b'{"text": "a"}', b'{"frames": [[NaN]]}'):
        response = httpx.post(f"{guarded.server.url}/v1/inputs", content=content, headers=headers)
        assert response.status_code == 401


def test_the_websocket_asks_for_a_key(guarded: Guarded, refused_keys: dict[str, dict[str, str]]) -> None:
    for headers in refused_keys.values():
        if "\xe4" not in str(headers):  # this client does not send that
            key = headers.get("Authorization", "").partition(" ")[2]
            if "Basic" not in headers.get("Authorization", ""):
                assert guarded.stream_status(key or None) == 401
            if key and " " not in key:
                expected = 101 if "Basic" in headers["Authorization"] else 401
                assert guarded.stream_status(None, JSON, f"realnet.key.{key}") == expected
    for key in guarded.keys.values():
        assert guarded.stream_status(key) == 101
    in_query = f"ws://127.0.0.1:{guarded.server.port}/v1/stream?key={guarded.keys[Scope.ADMIN]}"
    with pytest.raises(InvalidStatus), connect(in_query):
        pass


def test_a_browser_gives_its_key_as_a_subprotocol(guarded: Guarded) -> None:
    key = f"realnet.key.{guarded.keys[Scope.READ]}"
    with guarded.stream(None, key, JSON) as connection:
        assert connection.subprotocol == JSON
        assert connection.response is not None
        assert guarded.keys[Scope.READ] not in str(connection.response.headers)
    with guarded.stream(None, key) as connection:
        assert connection.subprotocol is None


def test_a_readers_key_does_not_teach_on_the_stream(guarded: Guarded) -> None:
    before = guarded.server.weights()
    with guarded.stream(guarded.keys[Scope.READ]) as connection:
        assert json.loads(connection.recv())["type"] == "hello"
        connection.send(json.dumps({"type": "input", "seq": 1, "text": "abc"}))
        error = json.loads(connection.recv())
        assert (error["type"], error["ref"], error["problem"]["status"]) == ("error", 1, 403)
        connection.send(json.dumps({"type": "ping", "seq": 2}))
        assert json.loads(connection.recv()) == {"type": "pong", "ref": 2}
        connection.send(json.dumps({"type": "generate", "seq": 3, "max_tokens": 1}))
        assert json.loads(connection.recv())["type"] == "tokens"
    assert guarded.server.weights() == before
    with guarded.stream(guarded.keys[Scope.TEACH]) as connection:
        connection.recv()
        connection.send(json.dumps({"type": "input", "seq": 1, "text": "abc"}))
        assert {json.loads(connection.recv())["type"] for _ in range(2)} == {"ack", "outputs"}


def test_keys_come_and_go_while_it_runs(guarded: Guarded) -> None:
    kept = guarded.keys[Scope.READ]
    key = create_key(guarded.file, "guest", Scope.TEACH)
    until(lambda: guarded.stream_status(key) == 101)
    with guarded.stream(key) as connection, guarded.stream(kept) as other:
        connection.recv()
        other.recv()
        revoke_key(guarded.file, "guest")
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=SEEN_SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        other.send('{"type": "ping"}')
        assert json.loads(other.recv())["type"] == "pong"
    assert guarded.stream_status(key) == 401
    lines = guarded.file.read_text()
    guarded.file.write_text("nonsense\n")  # what can't be read changes nothing
    until(lambda: "the keys are as they were before" in guarded.server.log)
    assert guarded.stream_status(kept) == 101
    guarded.file.write_text(lines)


@pytest.mark.parametrize("stream", [True, False])
def test_a_generation_ends_with_its_key(guarded: Guarded, stream: bool) -> None:
    name = f"talker-{stream}"
    key = create_key(guarded.file, name, Scope.READ)
    until(lambda: guarded.status("GET", "/v1/net", bearer(key)) == 200)
    body = {"max_tokens": ENDLESS, "stream": stream}
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(
            httpx.post, f"{guarded.server.url}/v1/generate", json=body, headers=bearer(key), timeout=3 * SEEN_SECONDS
        )
        until(lambda: 'realnet_generations{net="default"} 1.0' in guarded.server.client.get("/metrics").text)
        revoke_key(guarded.file, name)
        answer = asked.result()
    assert answer.status_code == (200 if stream else 401)
    if stream:
        *_, token, error, _ = answer.text.split("\n\n")
        assert token.startswith("event: token")
        assert error.startswith("event: error")
        answer_body = json.loads(error.partition("data: ")[2])
    else:
        answer_body = answer.json()
    assert (answer_body["status"], answer_body["detail"]) == (401, "the key has been revoked")
    until(lambda: 'realnet_generations{net="default"} 0.0' in guarded.server.client.get("/metrics").text)


def test_the_log_is_json_and_tells_no_secrets(guarded: Guarded) -> None:
    text = "a text that is nobody else's business"
    assert guarded.server.client.post("/v1/inputs?wait=true", json={"text": text}).status_code == 200
    assert guarded.server.client.get("/v1/snapshots/an-id-of-mine").status_code == 404
    client_id = "a-name-of-mine"
    with connect(
        f"ws://127.0.0.1:{guarded.server.port}/v1/stream?client_id={client_id}",
        additional_headers=bearer(guarded.keys[Scope.TEACH]),
    ) as connection:
        connection.recv()
        connection.send(json.dumps({"type": "input", "seq": 1, "text": text}))
        connection.recv()
    until(lambda: '"method": "WEBSOCKET", "route": "/v1/stream", "status": 101' in guarded.server.log)
    log = guarded.server.log
    for secret in (text, client_id, "an-id-of-mine", *guarded.keys.values()):
        assert secret not in log
    lines = [json.loads(line) for line in log.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    post = {"method": "POST", "route": "/v1/inputs", "status": 200, "key": "environment", "client": "127.0.0.1"}
    assert any(line.items() >= post.items() and line["ms"] > 0 for line in lines)


def test_a_page_of_another_site_needs_to_be_known(new_server: Callable[..., RunningServer], guarded: Guarded) -> None:
    url = f"ws://127.0.0.1:{guarded.server.port}/v1/stream"
    headers = bearer(guarded.keys[Scope.ADMIN])
    with (
        pytest.raises(InvalidStatus) as refused,
        connect(url, additional_headers=headers, origin=Origin("https://evil.example")),
    ):
        pass
    assert refused.value.response.status_code == 403
    assert "access-control-allow-origin" not in guarded.server.client.get("/v1/net").headers
    # Through a proxy that keeps the Host, the server's own pages are its own.
    own = {**headers, "host": "net.example", "origin": "https://net.example"}
    assert guarded.server.client.patch("/v1/net", json={}, headers=own).status_code == 200

    site = "https://app.example"
    open_server = new_server(neurons=1000, origins=(site,)).start()
    with connect(f"ws://127.0.0.1:{open_server.port}/v1/stream", origin=Origin(site)) as connection:
        assert json.loads(connection.recv())["type"] == "hello"
    asks = {"origin": site, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    answer = open_server.client.options("/v1/inputs", headers=asks)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, site)
    assert open_server.client.options("/v1/inputs", headers=asks | {"origin": "https://evil.example"}).is_error
    # Without keys, another's name that leads here (DNS rebinding) may not even read.
    assert open_server.client.get("/v1/net", headers={"host": "evil.example"}).status_code == 403
    assert open_server.client.get("/v1/net", headers={"host": "localhost:1"}).status_code == 200


def test_the_file_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = create_key(file, "a", Scope.READ)
    file.write_text(f"# the first\n\n{file.read_text()}")
    other = create_key(file, "b", Scope.ADMIN)
    assert file.stat().st_mode & 0o077 == 0o044 & file.stat().st_mode  # as it was made
    assert read_keys(file) == [Key("a", Scope.READ, digest_of(key)), Key("b", Scope.ADMIN, digest_of(other))]
    assert key not in file.read_text()
    with pytest.raises(KeysError, match="has a key a"):
        create_key(file, "a", Scope.READ)
    for name in ("", "a b", "ä", "x" * 65, "a\nb"):
        with pytest.raises(KeysError):
            create_key(file, name, Scope.READ)
    with pytest.raises(KeysError, match="no key c"):
        revoke_key(file, "c")
    revoke_key(file, "a")
    assert [each.name for each in read_keys(file)] == ["b"]
    assert file.read_text().startswith("# the first\n")
    for wrong in ("b admin", f"b root sha256:{'0' * 64}", f"b admin sha256:{'0' * 63}", f"b admin {'0' * 64}"):
        file.write_text(wrong)
        with pytest.raises(KeysError, match="line 1"):
            read_keys(file)


def test_many_at_once_lose_no_key(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    create_key(file, "old", Scope.READ)
    with ThreadPoolExecutor(9) as threads:
        changes: list[Future[str] | Future[None]] = [
            threads.submit(create_key, file, f"new-{number}", Scope.READ) for number in range(40)
        ]
        changes.append(threads.submit(revoke_key, file, "old"))
        for change in changes:
            change.result()
    assert sorted(key.name for key in read_keys(file)) == sorted(f"new-{number}" for number in range(40))
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_keyring_without_keys_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = create_key(file, "a", Scope.READ)
    ring = Keyring(None, file, 0, 0)
    assert ring.caller(key) is None  # not read yet
    ring.load()
    caller = ring.caller(key)
    assert caller is not None
    revoke_key(file, "a")
    ring.load()
    assert (ring.caller(key), ring.caller(None), caller.revoked.is_set()) == (None, None, True)


@pytest.mark.anyio
async def test_a_file_that_is_gone_has_no_keys_in_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, own = tmp_path / "keys", "an-admins-key-of-the-environment"
    key = create_key(file, "a", Scope.READ)
    lines = file.read_text()
    ring = Keyring(SecretStr(own), file, 0, 0)
    ring.load()
    caller = ring.caller(key)
    assert caller is not None
    following = asyncio.create_task(ring.follow())
    file.unlink()
    await caller.revoked.wait()
    assert ring.caller(key) is None
    assert ring.caller(own) is not None
    [warning] = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert f"{file} is gone" in warning
    file.write_text(lines)
    while ring.caller(key) is None:
        await asyncio.sleep(0.01)
    following.cancel()


def test_the_name_of_the_environments_key_is_its_own(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    with pytest.raises(KeysError, match="REALNET_API_KEY"):
        create_key(file, "environment", Scope.READ)
    file.write_text(f"environment read sha256:{'0' * 64}\n")
    with pytest.raises(KeysError, match="REALNET_API_KEY"):
        read_keys(file)
    revoke_key(file, "environment")
    assert read_keys(file) == []


@pytest.mark.parametrize("key", ["", "short", "with a blank in it, so", "ä" * 20, "x" * 257])
def test_an_unfit_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="openssl rand") as refused:
        Settings(api_key=key)
    assert not key or key not in str(refused.value)


def test_off_loopback_there_must_be_a_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="REALNET_API_KEY"):
        Settings(host="0.0.0.0")
    assert "0123456789abcdef" not in repr(Settings(host="0.0.0.0", api_key="0123456789abcdef"))
    Settings(host="0.0.0.0", insecure=True)


@pytest.mark.parametrize("lines", ["# none\n", "nonsense\n"])
def test_a_server_does_not_start_with_an_empty_or_unreadable_file(
    new_server: Callable[..., ThreadServer], tmp_path: Path, lines: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(lines)
    server = new_server(host="0.0.0.0", keys_file=file)
    server.launch()
    assert "key" in (server.wait() or "")
    assert "Traceback" not in server.log
