"""Which servers this one may be told to call."""

import httpx
import pytest

from service.errors import Forbidden, Invalid
from service.peers import Peer, failed, peer_of

LOCAL = ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8420", "https://localhost/", "http://[::1]:8420", "http://LOCALHOST"]
)
def test_a_host_that_the_settings_name_may_be_called(url: str) -> None:
    assert peer_of(url, "k", LOCAL) == Peer(url.rstrip("/"), "k")


@pytest.mark.parametrize(
    "url",
    [
        *("", "127.0.0.1:8420", "ftp://127.0.0.1", "http://", "http://[::1", "http://127.0.0.1:99999", "http://::1:x"),
        *("http://127.0.0.1/v1/net", "http://127.0.0.1?x=1", "http://127.0.0.1#x", "http://key@127.0.0.1", "file:///"),
    ],
)
def test_what_is_no_url_of_a_server_is_invalid(url: str) -> None:
    with pytest.raises(Invalid) as error:
        peer_of(url, None, LOCAL)
    assert error.value.places[0].pointer == "/url"


@pytest.mark.parametrize("url", ["http://10.0.0.1", "http://127.0.0.1.example.org", "http://169.254.169.254"])
def test_another_host_is_forbidden(url: str) -> None:
    with pytest.raises(Forbidden, match="REALNET_PEERS"):
        peer_of(url, None, LOCAL)


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (httpx.Response(409, json={"title": "Conflict", "detail": "it is\nanother"}), "answers 409: it is another"),
        (httpx.Response(422, json={"title": "Invalid", "errors": [{"detail": "too much"}]}), "answers 422: too much"),
        (httpx.Response(502, text="<html>"), "answers 502: Bad Gateway"),
        (httpx.Response(500, json=[1]), "answers 500: Internal Server Error"),
    ],
)
def test_a_refusal_of_the_other_server_is_one_line(response: httpx.Response, told: str) -> None:
    assert str(failed(Peer("http://localhost"), response.status_code, response.content)) == f"http://localhost {told}"
