"""What is refused: errors of the problem's own class, passing ones waited for, nothing learnt twice."""

import socket
from collections.abc import Callable

import pytest

from realnet import client as package
from realnet.client import (
    AnswerTimeout,
    Client,
    Conflict,
    ConnectionLost,
    Invalid,
    NotReady,
    Place,
    RealNetError,
    Unauthorized,
    Unreachable,
    errors,
)
from service import errors as servers
from tests.client.stub import Answer, refusal, stub
from tests.running_server import RunningServer, ThreadServer

ACCEPTED: Answer = 202, {}, {"accepted": 2, "queued": 0}
HEALTH: Answer = 200, {}, {"status": "ok"}


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realnet.client.http.TRY_AGAIN_SECONDS", 0.0)


def test_each_type_of_problem_has_a_class() -> None:
    slugs = {slug for slug, *_ in servers._TABLE.values()} | {slug for slug, _ in servers._WORDS.values()}
    for slug in slugs:
        error = errors.error_of(errors.Problem(f"/problems/{slug}", "Title", 400, "why"))
        assert type(error) is not RealNetError, slug
        assert getattr(package, type(error).__name__) is type(error)
        assert str(error) == "why"


def test_what_is_wrong_is_told_with_its_place(server: RunningServer) -> None:
    with Client(server.url) as client, pytest.raises(Invalid) as refused:
        client.send(text="a", frames=[[0.5]])
    assert (refused.value.status, refused.value.title) == (422, "Validation failed")
    [place] = refused.value.places
    assert place == Place("give exactly one of text, tokens and frames", pointer="")
    with Client(server.url) as client, pytest.raises(Invalid, match=r"Validation failed \(/max_tokens: 4096 at most\)"):
        client.generate("a", max_tokens=5000)
    with Client(server.url) as client, pytest.raises(Invalid, match=r"\(limit: Input should be"):
        client.outputs(limit=0)
    with Client(server.url) as client, pytest.raises(UnicodeEncodeError):
        client.send(text="\udc80")


def test_passing_refusals_are_waited_for() -> None:
    full = refusal(429, "overloaded", "full", Retry_After="0")
    starts = refusal(503, "not-ready", "it is being read", Retry_After="0")
    with stub(full, starts, HEALTH) as server, Client(server.url) as client:
        assert client.health().status == "ok"
        assert len(server.asked) == 3


def test_patience_has_an_end() -> None:
    later = refusal(429, "limited", "you have your share", Retry_After="3600")
    starts = refusal(503, "not-ready", "it is being read", Retry_After="1")
    for answer, kind in ((later, package.Limited), (starts, NotReady)):
        with (
            stub(answer) as server,
            Client(server.url, patience=0.5) as client,
            pytest.raises(kind) as refused,
        ):
            client.health()
        assert refused.value.retry_after in (3600.0, 1.0)


def test_other_refusals_are_raised_at_once() -> None:
    with stub(refusal(503, "engine-stopped", "it broke")) as server, Client(server.url) as client:
        with pytest.raises(package.EngineStopped, match=r"^it broke$"):
            client.health()
        server.answers.append((502, {}, b"<html>a proxy's own page</html>"))
        with pytest.raises(Unreachable, match=r"HTTP status 502; is that a RealNet"):
            client.health()
        server.answers.append((200, {}, b"<html>another site</html>"))
        with pytest.raises(Unreachable, match="is no RealNet server"):
            client.health()
        server.answers.append((404, {}, {"type": "/problems/new", "title": "Something new", "status": 404}))
        with pytest.raises(RealNetError, match="Something new"):
            client.health()


def test_an_input_whose_answer_was_lost_is_sent_again_under_its_key() -> None:
    on_its_way = refusal(409, "conflict", "the same input is being learnt")
    with stub(None, on_its_way, ACCEPTED) as server, Client(server.url) as client:
        assert client.send(text="he").accepted == 2
        assert len({headers["Idempotency-Key"] for *_, headers in server.asked}) == 1
        assert len(server.asked) == 3
        server.answers[:] = [on_its_way]
        with pytest.raises(Conflict):  # somebody else's, or that of another call
            client.send(text="he", idempotency_key="mine")


def test_what_is_not_safe_to_repeat_is_not() -> None:
    with stub(None) as server, Client(server.url) as client, pytest.raises(ConnectionLost):
        client.snapshots.save()


def test_an_input_is_learnt_once_over_a_restart(new_server: Callable[..., ThreadServer]) -> None:
    """The first answer is lost on its way: the server has learnt it, is killed and comes back."""
    server = new_server(neurons=1000).start()
    with Client(server.url) as client:
        assert client.send(text="once", idempotency_key="mine").accepted == 4
        server.kill()
        server.start()
        ran = client.run(text="once", idempotency_key="mine")
        assert ran.accepted == 4
        assert client.net().tokens_seen == 4


def test_a_server_that_does_not_answer_in_time_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with Client(url, timeout=0.05) as client, pytest.raises(AnswerTimeout, match=r"within 0[.]05 s"):
            client.health()


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "all_proxy"])
def test_no_proxy_leads_to_loopback(server: RunningServer, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with Client(server.url) as client, client.stream():
        assert client.health().status == "ok"
    with stub(HEALTH) as proxy:
        monkeypatch.setenv(variable, proxy.url)
        with Client("http://net.example:8420") as client:
            assert client.health().status == "ok"
        assert proxy.asked[0][1] == "http://net.example:8420/healthz"


def test_where_and_with_which_key_is_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    with stub(HEALTH, refusal(401, "unauthorized", "no such key")) as server:
        monkeypatch.setenv("REALNET_URL", server.url)
        monkeypatch.setenv("REALNET_KEY", "rn_mine")
        with Client() as client:
            client.health()
        with Client(server.url, key="rn_other") as client, pytest.raises(Unauthorized, match="no such key"):
            client.health()
        assert [headers["Authorization"] for *_, headers in server.asked] == ["Bearer rn_mine", "Bearer rn_other"]


def test_no_server_is_told_at_once() -> None:
    with Client("http://127.0.0.1:1") as client, pytest.raises(Unreachable, match="realnet serve"):
        client.run(text="he")
