"""A server whose net has another vocabulary than bytes: what is asked of any net, and what its store keeps of it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest

from realnet import DendriteLearner
from realnet.client import MSGPACK, open_stream
from realnet.vocabulary import TokenizerFile
from tests.api.asking import answers, next_of, problem_of
from tests.cli.commands import shown
from tests.jobs.client import begin, end_of, upload
from tests.realnet.vocabularies import bytes_and_words, numbered_words
from tests.running_server import RunningServer, ThreadServer

FILE = bytes_and_words()
VOCABULARY = TokenizerFile(FILE)
TEXT = "the cat sat on the mat and the dog lay by the door. " * 20
MakeServer = Callable[..., ThreadServer]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """One for all tests of this file that do not stop it."""
    directory = tmp_path_factory.mktemp("words")
    (directory / "tokenizer.json").write_bytes(FILE)
    server = ThreadServer(directory, vocabulary=str(directory / "tokenizer.json"), variant="fast")
    yield server.start()
    server.close()


@pytest.fixture(scope="module")
def symbols_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    server = ThreadServer(tmp_path_factory.mktemp("symbols"), vocabulary="symbols:300", variant="fast")
    yield server.start()
    server.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(FILE)
    return path


def learnt(text: str) -> str:
    """Return the weights of a net in the library that has learnt a text."""
    learner = DendriteLearner.create("fast", vocabulary=VOCABULARY)
    learner.run(VOCABULARY.encode(text))
    return learner.checkpoint().weights_sha256()


def why_not(server: ThreadServer) -> str:
    """Return why a server cannot start."""
    server.launch()
    return str(server.wait())


# The store keeps it:


def test_a_start_after_a_kill_needs_no_file(new_server: MakeServer, file: Path) -> None:
    server = new_server(vocabulary=str(file), variant="fast", snapshot_every=0, journal="always").start()
    net = server.net()
    assert (net["preset"], net["vocabulary"], net["outputs"]) == ("dendrites", VOCABULARY.name, VOCABULARY.size)
    server.run(text=TEXT)
    assert server.client.get("/v1/snapshots").json()["data"] == []
    server.kill()
    file.unlink()
    again = new_server(snapshot_every=0).start()
    assert (again.net()["vocabulary"], again.weights()) == (VOCABULARY.name, learnt(TEXT))
    again.terminate()  # with a snapshot
    assert new_server().start().weights() == learnt(TEXT)


def test_a_start_with_another_vocabulary_is_refused_in_a_line(new_server: MakeServer, file: Path) -> None:
    new_server(vocabulary=str(file)).start().terminate()
    new_server(vocabulary=str(file)).start().terminate()
    file.write_bytes(numbered_words(300))
    other = TokenizerFile(numbered_words(300)).name
    for asked, told in ((str(file), other), ("bytes", "bytes"), ("symbols:300", "symbols:300")):
        assert f"has vocabulary {VOCABULARY.name}, not {told}: ask" in why_not(new_server(vocabulary=asked))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"vocabulary": "nowhere.json"}, "vocabulary nowhere.json: No such file or directory"),
        ({"vocabulary": __file__}, "not a file of the library tokenizers"),
        ({"vocabulary": "symbols:70000"}, "must be from 2 to 65536"),
        ({"vocabulary": "symbols:many"}, "must be bytes, symbols:N"),
        ({"vocabulary": "symbols:300", "preset": "surprise"}, "only dendrites take another vocabulary"),
    ],
)
def test_what_is_no_vocabulary_is_told_in_a_line(
    new_server: MakeServer, settings: dict[str, object], told: str
) -> None:
    why = why_not(new_server(**settings))
    assert told in why
    assert "\n" not in why


# What is asked of any net:


def test_a_text_is_its_tokens(server: ThreadServer) -> None:
    text = "the dog was not in: naïve 🦆. "
    assert [each["token"] for each in server.run(text=text)] == VOCABULARY.encode(text).tolist()
    tokens = VOCABULARY.encode(" by the door")
    assert [each["token"] for each in server.run(tokens=tokens.tolist())] == tokens.tolist()


@pytest.mark.anyio
async def test_tokens_are_two_bytes_each_in_messagepack(server: ThreadServer) -> None:
    tokens = VOCABULARY.encode(TEXT)
    async with open_stream(server.url, subprotocol=MSGPACK, outputs="full") as client:
        await client.send_input(tokens=tokens.astype("<u2").tobytes())
        outputs = await next_of(client, "outputs")
        assert outputs["token"].tolist() == tokens[: outputs["count"]].tolist()
        assert {outputs[name].dtype for name in ("token", "predicted", "next_token")} == {np.dtype("<u2")}
        assert outputs["predicted"].max() > 255
        await client.send_input(tokens=b"\0\0\0")
        [answer] = [each for each in await answers(client, 2) if each["type"] == "error"]
    assert answer["problem"]["errors"] == [
        {"detail": "must be an even number of bytes, two for each", "pointer": "/tokens"}
    ]


def test_generated_text_is_whole_also_in_pieces(server: ThreadServer) -> None:
    server.run(text="🦆 the naïve cat " * 30)
    asked = {"prompt": "🦆 the", "max_tokens": 40, "temperature": 0, "fresh": True}
    whole = server.client.post("/v1/generate", json=asked).json()
    assert "naïve cat 🦆 the naïve" in whole["text"]
    with server.client.stream("POST", "/v1/generate", json=asked | {"stream": True}) as answer:
        events = [json.loads(line.removeprefix("data: ")) for line in answer.iter_lines() if line.startswith("data")]
    assert "".join(each["text"] for each in events[:-1]) == events[-1]["text"] == whole["text"]
    assert [token for each in events[:-1] for token in each["tokens"]] == whole["tokens"]
    assert whole["text"] in shown("generate", "🦆 the", "--max-tokens", "40", "--temperature", "0", url=server.url)


def test_a_data_set_of_text_is_dreamt(server: ThreadServer) -> None:
    text = "and was it the cat, or was it not? " * 4000  # in several blocks of the file
    id = upload(server, "a.txt", text)
    shown = server.client.get(f"/v1/datasets/{id}").json()
    assert (shown["tokens"], shown["preview"][0]["text"][:20]) == (len(VOCABULARY.encode(text)), text[:20])
    assert end_of(server, begin(server, "dream", dataset=id))["status"] == "succeeded"
    explained = server.client.get("/v1/net/explain", params={"context": "and was it the"}).json()
    assert VOCABULARY.decode([explained["token"]]) == " cat"


def test_a_file_is_streamed_without_cutting_words(new_server: MakeServer, file: Path, tmp_path: Path) -> None:
    server = new_server(vocabulary=str(file), variant="fast").start()
    (tmp_path / "text").write_text(TEXT)
    assert f"{len(TEXT):,} bytes learnt" in shown("stream", str(tmp_path / "text"), "--batch", "7", url=server.url)
    assert (server.net()["tokens_seen"], server.weights()) == (len(VOCABULARY.encode(TEXT)), learnt(TEXT))


def test_a_text_without_tokens_is_refused(new_server: MakeServer, file: Path) -> None:
    file.write_bytes(numbered_words(300))
    server = new_server(vocabulary=str(file), variant="fast").start()
    assert len(server.run(text="w7 w299 w7")) == 3
    place = {"detail": "there is no token in it", "pointer": "/text"}
    assert problem_of(server.client.post("/v1/inputs", json={"text": " "}), 422)["errors"] == [place]
    answer = server.client.post("/v1/datasets", files={"file": ("a.jsonl", b'{"text": "w1"}\n{"text": " "}')})
    assert problem_of(answer, 422)["errors"] == [place | {"line": 2}]


# Symbols:


def test_symbols_are_learnt_and_told_as_numbers(symbols_server: RunningServer) -> None:
    server, cycle = symbols_server, [7, 299, 100, 256] * 40
    assert (server.net()["vocabulary"], server.net()["outputs"]) == ("symbols:300", 300)
    assert [each["token"] for each in server.run(tokens=cycle)] == cycle
    asked = {"tokens": [7, 299], "max_tokens": 2, "temperature": 0, "fresh": True}
    generated = server.client.post("/v1/generate", json=asked).json()
    assert (generated["text"], generated["tokens"]) == ("100 256 ", [100, 256])
    pairs = upload(server, "a.jsonl", '{"input": [1], "target": [299]}')
    assert end_of(server, begin(server, "dream", dataset=pairs))["status"] == "succeeded"


def test_symbols_are_no_text(symbols_server: RunningServer) -> None:
    client, why = symbols_server.client, "the tokens of this net are no text: send their ids"
    answers: list[tuple[httpx.Response, dict[str, object]]] = [
        (client.post("/v1/inputs", json={"text": "a"}), {"pointer": "/text"}),
        (client.post("/v1/generate", json={"prompt": "a"}), {"pointer": "/prompt"}),
        (client.get("/v1/net/explain", params={"context": "a"}), {"parameter": "context"}),
        (client.post("/v1/datasets", files={"file": ("a.txt", b"a")}), {"pointer": "/file"}),
        (client.post("/v1/datasets", files={"file": ("a.jsonl", b'{"text": "a"}')}), {"pointer": "/text", "line": 1}),
    ]
    for answer, place in answers:
        assert problem_of(answer, 422)["errors"] == [{"detail": why} | place]
    place = {"detail": "the vocabulary has 300 tokens", "pointer": "/tokens/1"}
    assert problem_of(client.post("/v1/inputs", json={"tokens": [1, 300]}), 422)["errors"] == [place]
