"""From which hosts and origins a server is read and written."""

import socket

import pytest

from tests.api.asking import problem_of
from tests.running_server import RunningServer


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://[", "https://"])
def test_another_sites_page_may_not_write(untouched: RunningServer, origin: str) -> None:
    headers = {"origin": origin}
    call = untouched.client.request
    for method, path in (("POST", "/v1/inputs"), ("PATCH", "/v1/net"), ("POST", "/v1/snapshots")):
        problem_of(call(method, path, json={"text": "a"}, headers=headers), 403)
    problem_of(call("DELETE", "/v1/snapshots/00000001", headers=headers), 403)
    assert call("GET", "/v1/net", headers=headers).status_code == 200


def test_a_name_of_somebody_elses_that_leads_here_may_not_write(untouched: RunningServer) -> None:
    headers = {"origin": "http://evil.example:8420", "host": "evil.example:8420"}
    problem_of(untouched.client.post("/v1/inputs", json={"text": "a"}, headers=headers), 403)


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["localhost", "localhost"],
        ["localhost", "evil.example"],
        [""],
        ["localhost#.evil.example"],
        ["localhost/.evil.example"],
        ["localhost?.evil.example"],
        ["evil.example@localhost"],
        ["localhost:80@evil.example"],
        ["localhost:123456"],
        ["[::1"],
        ["local\xe4host"],
    ],
)
@pytest.mark.parametrize("path", ["/v1/net", "/v1/stream"])
def test_a_request_has_one_host_that_is_an_address(server: RunningServer, path: str, hosts: list[str]) -> None:
    headers = [f"host: {host}" for host in hosts]
    if path == "/v1/stream":
        headers += ["upgrade: websocket", "connection: upgrade", "sec-websocket-version: 13"]
        headers += ["sec-websocket-key: MDEyMzQ1Njc4OWFiY2RlZg=="]
    else:
        headers.append("connection: close")
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in [f"GET {path} HTTP/1.1", *headers, ""]).encode("latin-1"))
        assert connection.recv(2**16).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1:80", "[::1]", "[::1]:8420"])
def test_loopback_has_several_names(server: RunningServer, host: str) -> None:
    assert server.client.get("/v1/net", headers={"host": host}).status_code == 200


def test_blanks_are_no_part_of_a_host(server: RunningServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(b"GET /v1/net HTTP/1.1\r\nhost: \t localhost \t \r\nconnection: close\r\n\r\n")
        assert connection.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_it_is_said_whether_the_host_or_the_origin_is_wrong(server: RunningServer) -> None:
    host = server.client.get("/v1/net", headers={"host": "evil.example"})
    assert "the Host is not localhost" in problem_of(host, 403)["detail"]
    origin = server.client.patch("/v1/net", json={}, headers={"origin": "http://evil.example"})
    assert "the Origin is another site" in problem_of(origin, 403)["detail"]


def test_the_servers_own_page_may_write(server: RunningServer) -> None:
    assert server.client.patch("/v1/net", json={}, headers={"origin": server.url}).status_code == 200
