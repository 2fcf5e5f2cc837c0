"""Nobody gets in: every route and the WebSocket, with keys that are missing, wrong, revoked or of too small a scope."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import BaseRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

from realnet.client import JSON
from service.app import create_app
from service.auth.keys import Scope, create_key, digest_of, revoke_key
from service.links.messages import SUBPROTOCOL
from service.settings import Settings
from tests.auth.guarded import Guarded, bearer, until
from tests.running_server import RunningServer


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


def test_every_route_declares_its_scope() -> None:
    guarded = create_app(Settings()).guarded  # type: ignore[attr-defined]
    assert [(route.path, route.name) for route in ROUTES] == [(route.path, route.name) for route in guarded]
    for route in ROUTES:
        assert isinstance(route.endpoint.scope, Scope), route.path
    opened = [route.path for route in ROUTES if route.endpoint.scope is Scope.OPEN]
    assert opened == ["/openapi.json", "/", "/docs", "/page/{path:path}", "/healthz", "/v1/me"]
    for_any = {route.path for route in ROUTES if route.endpoint.scope is not Scope.OPEN and not route.endpoint.of_net}
    of_models = {"/v1/models", "/v1/models/{model}", "/v1/completions", "/v1/chat/completions"}
    assert for_any == {"/readyz", "/metrics", "/asyncapi.json", "/v1/nets", "/v1/nets/{name}"} | of_models
    writing = [route for route in ROUTES if (getattr(route, "methods", None) or set()) & {"PATCH", "DELETE", "PUT"}]
    taught = [route.path for route in writing if route.endpoint.scope is not Scope.ADMIN]
    assert taught == ["/v1/sessions/{name:path}"]  # whoever may make one by an input may forget it


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.path} {route.name}")
def test_a_route_asks_for_its_key(guarded: Guarded, refused_keys: dict[str, dict[str, str]], route: Any) -> None:
    needed: Scope = route.endpoint.scope
    path = route.path.replace("{id:digits}", "{id}").replace("{id}", "00000099").replace("{path:path}", "main.js")
    methods = getattr(route, "methods", None)
    if methods is None:  # a WebSocket
        assert path in ("/v1/stream", "/v1/opinions")
        return
    before = guarded.server.weights()
    for method in methods:
        for name, headers in refused_keys.items():
            assert guarded.status(method, path, headers) == (200 if needed is Scope.OPEN else 401), name
        for scope, key in guarded.keys.items():
            status = guarded.status(method, path, bearer(key))
            if not scope.includes(needed):
                assert status == 403, scope
            else:
                assert status not in (401, 403, 500), scope
    assert guarded.server.weights() == before


@pytest.mark.parametrize(
    "path", ["/pages", "/v1", "/v1/net/", "/v1/nothing", "//v1/net", "/v1/../v1/net", "/v1/stream"]
)
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
    for scope, key in guarded.keys.items():
        assert guarded.stream_status(key) == (101 if scope.includes(Scope.READ) else 403)
    in_query = f"ws://127.0.0.1:{guarded.server.port}/v1/stream?key={guarded.keys[Scope.ADMIN]}"
    with pytest.raises(InvalidStatus), connect(in_query):
        pass


def test_a_net_that_listens_needs_a_key(guarded: Guarded) -> None:
    address = f"ws://127.0.0.1:{guarded.server.port}/v1/opinions"
    for scope, key in [(None, None), *guarded.keys.items()]:
        headers = {} if key is None else bearer(key)
        with pytest.raises(InvalidStatus) as refused:  # 409: its net is none of dendrites
            connect(address, additional_headers=headers, subprotocols=[Subprotocol(SUBPROTOCOL)])
        expected = 401 if scope is None else 409 if scope.includes(Scope.READ) else 403
        assert refused.value.response.status_code == expected, scope


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
