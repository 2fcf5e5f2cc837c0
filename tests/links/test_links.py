"""Two real servers whose nets are heard as one."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

from realnet.client import Client, PeerFailed
from service.links.messages import SUBPROTOCOL, Ask, Hello, Told, ask_of, encode
from tests.cli.commands import realnet
from tests.running_server import ThreadServer

LIFE = "seven times six is forty-two, and six times seven is forty-two. so it is said, and said again. " * 40
NEW = "six times seven is forty-two, so it is said. " * 30
NET = {"variant": "fast", "max_lines": 2**14, "snapshot_every": 0}

NewServer = Callable[..., ThreadServer]


@pytest.fixture
def lived(new_server: NewServer, tmp_path: Path) -> ThreadServer:
    server = new_server(store=f"file:{tmp_path}/lived", **NET).start()
    server.run(text=LIFE)
    return server


@pytest.fixture
def newborn(new_server: NewServer, tmp_path: Path) -> ThreadServer:
    return new_server(store=f"file:{tmp_path}/newborn", **NET).start()


def link(server: ThreadServer, url: str, **more: Any) -> dict[str, Any]:
    answer = server.client.post("/v1/links", json={"url": url, **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def links(server: ThreadServer) -> list[dict[str, Any]]:
    return list(server.client.get("/v1/links").json()["data"])


def until(server: ThreadServer, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until a server's only link is as it is told."""
    deadline = time.monotonic() + 30
    while not is_so(found := links(server)[0]):
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    return found


def hash_of(server: ThreadServer) -> str:
    return str(server.net(hash="true")["state_sha256"])


@pytest.fixture(scope="module")
def expected_hash(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What a net is that has lived NEW without any link."""
    server = ThreadServer(tmp_path_factory.mktemp("alone"), **NET).start()
    server.run(text=NEW)
    try:
        return hash_of(server)
    finally:
        server.close()


def test_a_newborn_hears_what_the_other_knows_and_neither_changes_by_it(
    lived: ThreadServer, newborn: ThreadServer, expected_hash: str
) -> None:
    before = hash_of(lived)
    begun = link(newborn, lived.url)
    assert (begun["state"], begun["bits"], begun["tokens"]) == ("heard", None, 0)
    newborn.run(text=NEW)
    found = until(newborn, lambda each: each["tokens"] == len(NEW))
    assert found["missed"] == 0
    assert found["bits"]["both"] < 0.5 * found["bits"]["own"]
    assert found["gains"]["other"] > found["gains"]["own"]
    assert hash_of(newborn) == expected_hash
    assert hash_of(lived) == before


def test_both_generate_as_one(lived: ThreadServer, newborn: ThreadServer) -> None:
    id = link(newborn, lived.url)["id"]
    newborn.run(text="so it is said, and said again. " * 4)  # from which it learns whom to hear
    asked = {"prompt": "six times seven is ", "max_tokens": 9, "temperature": 0, "link": id}
    assert newborn.client.post("/v1/generate", json=asked).json()["text"] == "forty-two"
    assert newborn.client.post("/v1/generate", json={**asked, "link": None}).json()["text"] != "forty-two"
    told = newborn.client.post("/v1/generate", json={**asked, "stream": True}).text
    assert told.count("event: token") == 9
    drawn = [newborn.client.post("/v1/generate", json={**asked, "temperature": 1, "seed": 3}).json() for _ in range(2)]
    assert drawn[0] == drawn[1]
    unknown = newborn.client.post("/v1/generate", json={**asked, "link": "nobody"})
    assert (unknown.status_code, unknown.json()["detail"]) == (404, "there is no link nobody")


def test_two_that_hear_each_other_do_not_excite_each_other(
    lived: ThreadServer, newborn: ThreadServer, expected_hash: str
) -> None:
    before = lived.net()["tick"]
    link(newborn, lived.url)
    link(lived, newborn.url)
    newborn.run(text=NEW)
    until(newborn, lambda each: each["tokens"] == len(NEW))
    assert hash_of(newborn) == expected_hash
    assert lived.net()["tick"] == before
    assert links(lived)[0]["tokens"] == 0


def test_a_cut_link_is_gone(lived: ThreadServer, newborn: ThreadServer, expected_hash: str) -> None:
    id = link(newborn, lived.url)["id"]
    newborn.run(text=NEW[:100])
    assert newborn.client.delete(f"/v1/links/{id}").status_code == 204
    assert links(newborn) == []
    newborn.run(text=NEW[100:])
    assert hash_of(newborn) == expected_hash
    assert newborn.client.delete(f"/v1/links/{id}").status_code == 404


def test_a_link_comes_back_with_the_other_server(newborn: ThreadServer, lived: ThreadServer) -> None:
    link(newborn, lived.url)
    port = lived.port
    lived.terminate()
    newborn.run(text=NEW)
    lost = until(newborn, lambda each: each["state"] == "silent")
    assert lived.url in lost["why"]
    lived.port = port
    lived.start()
    until(newborn, lambda each: each["state"] == "heard")
    newborn.run(text=NEW)
    found = until(newborn, lambda each: each["tokens"] + each["missed"] == 2 * len(NEW))
    assert found["tokens"] >= len(NEW)


Answer = Callable[[Ask], bytes | str]


@contextmanager
def liar(answer: Answer, hello: bytes = encode(Hello("bytes", 256))) -> Iterator[str]:
    """A server that answers what it is told to."""

    def handle(socket: ServerConnection) -> None:
        socket.send(hello)
        for message in socket:
            assert isinstance(message, bytes)
            socket.send(answer(ask_of(message)))

    with serve(handle, "127.0.0.1", 0, subprotocols=[Subprotocol(SUBPROTOCOL)]) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


NAN = msgspec.msgpack.encode({"opinions": [float("nan")] * 8})


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(lambda ask: NAN, id="NaN"),
        pytest.param(lambda ask: b"\xc1", id="no message"),
        pytest.param(lambda ask: "text", id="a text"),
        pytest.param(lambda ask: encode(Told(b"")), id="too little"),
        pytest.param(lambda ask: encode(Told(bytes(9 * len(ask.ids)))), id="too much"),
    ],
)
def test_nonsense_silences_a_link_and_changes_nothing(
    newborn: ThreadServer, answer: Answer, expected_hash: str
) -> None:
    with liar(answer) as url:
        link(newborn, url)
        newborn.run(text=NEW)
        found = until(newborn, lambda each: each["missed"] == len(NEW))
    assert (found["state"], found["tokens"]) == ("silent", 0)
    assert found["why"] == f"{url} does not speak {SUBPROTOCOL}"
    assert hash_of(newborn) == expected_hash


def test_a_hostile_net_changes_nothing_and_is_soon_not_heard(newborn: ThreadServer, expected_hash: str) -> None:
    with liar(lambda ask: encode(Told(bytes([127, 129] * 4) * len(ask.ids)))) as url:
        link(newborn, url)
        newborn.run(text=NEW)
        found = until(newborn, lambda each: each["tokens"] == len(NEW))
    assert found["bits"]["other"] > 20
    assert found["last_1000"]["both"] < found["last_1000"]["own"] + 0.5
    assert hash_of(newborn) == expected_hash


def test_nothing_waits_for_a_net_that_does_not_answer(newborn: ThreadServer, expected_hash: str) -> None:
    ended = Event()

    def never(ask: Ask) -> bytes:
        ended.wait()
        return b""

    with liar(never) as url:
        link(newborn, url)
        newborn.run(text=NEW)
        assert hash_of(newborn) == expected_hash
        assert links(newborn)[0]["tokens"] == 0
        ended.set()


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({}, 422, "/url"),
        ({"url": "127.0.0.1:1"}, 422, "must be like"),
        ({"url": "http://10.0.0.1:8420"}, 403, "REALNET_PEERS"),
        ({"url": "http://127.0.0.1:9", "key": 3}, 422, "/key"),
        ({"url": "http://127.0.0.1:9"}, 502, "cannot be reached"),
    ],
)
def test_what_cannot_be_linked_is_refused(newborn: ThreadServer, body: dict[str, Any], status: int, told: str) -> None:
    answer = newborn.client.post("/v1/links", json=body)
    assert answer.status_code == status
    assert told in answer.text
    assert links(newborn) == []


def test_a_net_of_other_tokens_is_refused(newborn: ThreadServer, new_server: NewServer, tmp_path: Path) -> None:
    other = new_server(store=f"file:{tmp_path}/other", vocabulary="symbols:300", **NET).start()
    surprise = new_server(store=f"file:{tmp_path}/surprise", preset="surprise", neurons=1000, snapshot_every=0).start()
    for mine, peer, status, told in (
        (newborn, other, 409, "the other net's vocabulary is symbols:300, and this one's bytes"),
        (newborn, surprise, 502, "answers 409: only nets of dendrites are linked"),
        (surprise, newborn, 409, "only nets of dendrites are linked"),
    ):
        answer = mine.client.post("/v1/links", json={"url": peer.url})
        assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text


def test_a_link_is_begun_once_and_there_are_not_too_many(newborn: ThreadServer, lived: ThreadServer) -> None:
    link(newborn, lived.url)
    again = newborn.client.post("/v1/links", json={"url": f"{lived.url}/"})
    assert (again.status_code, "already" in again.json()["detail"]) == (409, True)


def test_who_listens_speaks_the_protocol(lived: ThreadServer) -> None:
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws{lived.url.removeprefix('http')}/v1/opinions")
    assert refused.value.response.status_code == 422
    for message, why in (
        (b"\xc1", "MessagePack"),
        (encode(Ask(b"a")), "half"),
        (encode(Ask(bytes(2000))), "512 tokens"),
    ):
        with connect(
            f"ws{lived.url.removeprefix('http')}/v1/opinions", subprotocols=[Subprotocol(SUBPROTOCOL)]
        ) as socket:
            socket.recv()
            socket.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1003
        assert why in closed.value.rcvd.reason


def test_client_and_commands(lived: ThreadServer, newborn: ThreadServer) -> None:
    with Client(newborn.url) as client:
        begun = client.links.begin(lived.url)
        newborn.run(text=NEW)
        until(newborn, lambda each: each["tokens"] == len(NEW))
        [found] = client.links.list()
        assert (found.id, found.tokens, found.missed) == (begun.id, len(NEW), 0)
        assert found.bits is not None
        assert found.bits.both < found.bits.own
        assert client.generate("six times seven is ", max_tokens=9, temperature=0, link=found.id).text == "forty-two"
        client.links.cut(found.id)
        with pytest.raises(PeerFailed, match="cannot be reached"):
            client.links.begin("http://127.0.0.1:9")

    ran = realnet("link", lived.url, url=newborn.url)
    assert ran.stdout.decode().endswith(f": the net of {lived.url} is heard\n")
    id = ran.stdout.decode().split(":")[0]
    said = realnet("generate", "six times", "--max-tokens", "3", "--link", id, url=newborn.url).stdout.decode()
    assert said.startswith("six times")
    assert id in realnet("link", url=newborn.url).stdout.decode()
    assert f'"url":"{lived.url}"' in realnet("link", "--json", url=newborn.url).stdout.decode()
    assert realnet("unlink", id, url=newborn.url).stdout.decode() == f"{id} is cut\n"
    for arguments, told in (
        (("unlink", id), f"there is no link {id}"),
        (("unlink", "../net"), "an id has letters and digits only"),
        (("link", "nowhere"), "URL: must be like"),
        (("link", "http://example.org"), "REALNET_PEERS"),
    ):
        ran = realnet(*arguments, url=newborn.url)
        assert ran.returncode
        assert told in ran.stderr.decode()
