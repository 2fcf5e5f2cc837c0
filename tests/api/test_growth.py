"""A net of dendrites that is grown and shrunk while it serves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import realnet
from realnet import DendriteLearner
from realnet.client import Client
from service.api.routes import net as routes
from service.runtime import changes
from tests.running_server import ThreadServer

TEXT = "seven times six is forty-two, and six times seven is forty-two. " * 20
NewServer = Callable[..., ThreadServer]


@pytest.fixture
def server(new_server: NewServer) -> ThreadServer:
    return new_server(preset="dendrites", variant="fast", max_lines=4096, snapshot_every=0).start()


def resize(server: ThreadServer, way: str, **asked: Any) -> dict[str, Any]:
    answer = server.client.post(f"/v1/net/{way}", json=asked)
    answer.raise_for_status()
    return dict(answer.json())


def refusal(server: ThreadServer, way: str, **asked: Any) -> tuple[int, str]:
    answer = server.client.post(f"/v1/net/{way}", json=asked)
    problem = answer.json()
    place = problem["errors"][0] if problem.get("errors") else {"detail": problem["detail"]}
    return answer.status_code, f"{place.get('pointer', '')} {place['detail']}"


def alone() -> DendriteLearner:
    """Live through the same without a server."""
    learner = DendriteLearner.create("fast", max_lines=4096)
    told = learner.vocabulary.encode(TEXT)
    learner.run(told)
    learner.net.grow(16384, ["order 5", "indent"])
    learner.run(told)
    learner.net.grow(contexts=["kinds"])
    learner.run(told)
    learner.net.shrink(8192)
    learner.run(told)
    return learner


def test_it_grows_between_two_ticks_and_is_found_again(server: ThreadServer) -> None:
    server.run(text=TEXT)
    asked = {"prompt": "six times ", "max_tokens": 40, "seed": 3}
    before = server.client.post("/v1/generate", json=asked).json()["text"]
    grown = resize(server, "grow", lines=16384, contexts=["order 5", "indent"])
    assert (grown["lines"], grown["max_lines"], grown["contexts"][-2:]) == (16384, 16384, ["order 5", "indent"])
    assert server.client.post("/v1/generate", json=asked).json()["text"] == before
    server.run(text=TEXT)
    assert resize(server, "grow", contexts=["kinds"])["contexts"][-1] == "kinds"
    server.run(text=TEXT)
    assert resize(server, "shrink", lines=8192)["max_lines"] == 8192
    server.run(text=TEXT)
    weights = alone().checkpoint().weights_sha256()
    assert server.weights() == weights
    server.kill()
    assert server.start().weights() == weights, "from the journal alone"
    server.terminate()
    assert server.start().weights() == weights, "from a snapshot, where the setting still says 4096"


@pytest.mark.parametrize(
    ("way", "asked", "place"),
    [
        ("grow", {}, "give lines, contexts or both"),
        ("grow", {"lines": 5000}, "/lines a power of two"),
        ("grow", {"lines": 2**23}, "/lines Input should be less than or equal to 4194304"),
        ("grow", {"lines": "8192"}, "/lines Input should be a valid integer"),
        ("grow", {"contexts": ["gossip"]}, "/contexts/0 there is no context of this name; there are order 0; order 1"),
        ("grow", {"neurons": 5}, "/neurons Extra inputs are not permitted"),
        ("shrink", {}, "/lines Field required"),
        ("shrink", {"lines": 2048}, "/lines Input should be greater than or equal to 4096"),
    ],
)
def test_bad_requests_name_the_place(server: ThreadServer, way: str, asked: dict[str, Any], place: str) -> None:
    status, told = refusal(server, way, **asked)
    assert status == 422
    assert told.strip().startswith(place)


def test_what_this_net_cannot_become_is_a_conflict_and_changes_nothing(server: ThreadServer) -> None:
    before = server.net(hash="true")["state_sha256"]
    resize(server, "grow", lines=16384)
    for way, asked, why in (
        ("grow", {"lines": 8192}, "lines is 8192, must be a power of two from 16384"),
        ("grow", {"contexts": ["word"]}, "'word' is one of its contexts already"),
        ("shrink", {"lines": 32768}, "must be a power of two from 4096 to 16384"),
    ):
        status, told = refusal(server, way, **asked)
        assert status == 409
        assert why in told
    resize(server, "shrink", lines=4096)
    assert server.net(hash="true")["state_sha256"] == before


def test_more_than_the_machine_has_is_refused_with_a_number(
    server: ThreadServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "free_bytes", lambda: 100 * 2**20)
    assert refusal(server, "grow", lines=2**21) == (409, " 2097152 lines take 128 MiB, and 100 MiB are free")
    assert resize(server, "grow", lines=2**13)["lines"] == 2**13


def test_a_snapshot_is_downloaded_as_a_smaller_net(server: ThreadServer, tmp_path: Path) -> None:
    server.run(text=TEXT)
    resize(server, "grow", lines=16384)
    with Client(server.url) as client:
        id = client.snapshots.save().id
        whole = realnet.load(client.snapshots.download(id, tmp_path / "whole"))
        small = realnet.load(client.snapshots.download(id, tmp_path / "small", size=2**19, weights="lean"))
        assert isinstance(whole, DendriteLearner)
        assert isinstance(small, DendriteLearner)
        assert (whole.net.lines, small.net.lines, small.net.wiring.maps) == (16384, 8192, ())
        assert (tmp_path / "small").stat().st_size < (tmp_path / "whole").stat().st_size
        uploaded = client.snapshots.upload(tmp_path / "small")
        assert client.snapshots.restore(uploaded.id).id == uploaded.id
    server.run(text=TEXT)
    small.run(small.vocabulary.encode(TEXT))
    assert server.weights() == small.checkpoint().weights_sha256()
    for asked in ({"size": 1000}, {"size": "1 MB"}, {"weights": "light"}):
        assert server.client.get(f"/v1/snapshots/{id}/data", params=asked).status_code == 422


@pytest.mark.parametrize("others", [{"preset": "surprise", "neurons": 900}, {"variant": "compact", "memory": 2**16}])
def test_other_nets_do_not_grow(new_server: NewServer, others: dict[str, Any]) -> None:
    server = new_server(**others).start()
    for way in ("grow", "shrink"):
        status, told = refusal(server, way, lines=4096)
        assert status == 409
        assert "grow" in told or "size" in told


def test_routes_need_the_scope_of_those_who_own_the_net() -> None:
    from service.api.access import scope_of
    from service.auth.keys import Scope

    assert scope_of(routes.grow) is scope_of(routes.shrink) is Scope.ADMIN
