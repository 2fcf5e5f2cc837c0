"""Whatever is wrong is refused whole, with a problem that names the place, and the net is as before."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.api.asking import SECRET, problem_of
from tests.running_server import RunningServer

JSON = {"content-type": "application/json"}


def pointer_of(response: httpx.Response) -> str:
    [place] = problem_of(response, 422)["errors"]
    assert place["detail"]
    return str(place["pointer"])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ("{}", ""),
        ('{"text": "a", "tokens": [1]}', ""),
        ('{"text": null}', ""),
        ('{"text": ""}', "/text"),
        ('{"text": 5}', "/text"),
        ('{"text": "\\ud800"}', "/text"),
        ('{"tokens": []}', "/tokens"),
        ('{"tokens": [1, 2, 256]}', "/tokens/2"),
        ('{"tokens": [1, -1]}', "/tokens/1"),
        ('{"tokens": [1, 2.5]}', "/tokens/1"),
        ('{"tokens": [1, 2.0]}', "/tokens/1"),
        ('{"tokens": ["never-to-be-repeated"]}', "/tokens/0"),
        ('{"tokens": [true]}', "/tokens/0"),
        ('{"tokens": [null]}', "/tokens/0"),
        ('{"tokens": [NaN]}', "/tokens/0"),
        ('{"tokens": [1e400]}', "/tokens/0"),
        (f'{{"tokens": [1{"0" * 400}]}}', "/tokens/0"),
        ('{"tokens": {"0": 1}}', "/tokens"),
        ('{"text": "a", "learn": 1}', "/learn"),
        ('{"text": "a", "teachers": []}', ""),
        ('{"text": "a", "never": 1}', "/never"),
        ('{"frames": [[0.5]]}', "/frames"),
        ("[]", ""),
        ("5", ""),
        ("null", ""),
        ('"never-to-be-repeated"', ""),
    ],
)
def test_wrong_tokens(untouched: RunningServer, body: str, pointer: str) -> None:
    assert pointer_of(untouched.client.post("/v1/inputs", content=body, headers=JSON)) == pointer


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"text": "a"}', "/text"),
        ('{"tokens": [1]}', "/tokens"),
        ('{"frames": []}', "/frames"),
        ('{"frames": [[0, 0.5, 1], [0, 0]]}', "/frames/1"),
        ('{"frames": [[0, 0.5, 1, 0]]}', "/frames/0"),
        ('{"frames": [[0, NaN, 1]]}', "/frames/0/1"),
        ('{"frames": [[0, Infinity, 1]]}', "/frames/0/1"),
        ('{"frames": [[0, -Infinity, 1]]}', "/frames/0/1"),
        ('{"frames": [[0, 0, 1e400]]}', "/frames/0/2"),
        ('{"frames": [[0, 0, 1e39]]}', "/frames/0/2"),
        ('{"frames": [[0, 0, 1.0000001]]}', "/frames/0/2"),
        ('{"frames": [[0, 0, -1e-9]]}', "/frames/0/2"),
        (f'{{"frames": [[0, 0, 1{"0" * 400}]]}}', "/frames/0/2"),
        ('{"frames": [[0, 0, "1"]]}', "/frames/0/2"),
        ('{"frames": [[0, 0, true]]}', "/frames/0/2"),
        ('{"frames": [[0, 0, null]]}', "/frames/0/2"),
        ('{"frames": [null]}', "/frames/0"),
        ('{"frames": [0, 0, 1]}', "/frames/0"),
        ('{"frames": [[0, 0, 1]], "teachers": [[1]]}', "/teachers/0"),
        ('{"frames": [[0, 0, 1]], "teachers": [[1, NaN]]}', "/teachers/0/1"),
        ('{"frames": [[0, 0, 1]], "teachers": []}', "/teachers"),
        ('{"frames": [[0, 0, 1]], "teachers": [null, null]}', "/teachers"),
    ],
)
def test_wrong_frames(untouched_frames: RunningServer, body: str, pointer: str) -> None:
    assert pointer_of(untouched_frames.client.post("/v1/inputs", content=body, headers=JSON)) == pointer


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"text": "never-to-be-repeated',
        b"\xff\xfe",
        b'{"text": "\xff"}',
        b"[" * 100_000,
        b'{"tokens": [1' + b"0" * 5000 + b"]}",
    ],
    ids=["empty", "cut", "unfinished", "not UTF-8", "not UTF-8 within", "deep", "a number without end"],
)
def test_what_is_not_json(untouched: RunningServer, body: bytes) -> None:
    response = untouched.client.post("/v1/inputs", content=body, headers=JSON)
    if body:
        assert problem_of(response, 400)["type"] == "/problems/malformed"
    else:
        assert pointer_of(response) == ""


@pytest.mark.parametrize("path", ["/v1/inputs", "/v1/generate", "/v1/net"])
@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_a_wrong_content_type(untouched: RunningServer, path: str, content_type: str) -> None:
    method = "PATCH" if path == "/v1/net" else "POST"
    response = untouched.client.request(method, path, content=b'{"text": "a"}', headers={"content-type": content_type})
    problem_of(response, 415)


def test_a_body_that_is_too_large(untouched: RunningServer) -> None:
    body = b'{"text": "' + b"a" * 8 * 2**20 + b'"}'

    def without_length() -> Iterator[bytes]:
        for start in range(0, len(body), 2**16):
            yield body[start : start + 2**16]

    for content in (body, without_length()):
        try:
            response = untouched.client.post("/v1/inputs", content=content, headers=JSON)
        except httpx.WriteError:  # the server has answered and left before all was sent
            continue
        problem_of(response, 413)


def test_more_ticks_than_one_request_may_have(untouched: RunningServer) -> None:
    assert pointer_of(untouched.client.post("/v1/inputs", json={"text": "a" * 65_537})) == "/text"
    assert pointer_of(untouched.client.post("/v1/inputs", json={"tokens": [1] * 65_537})) == "/tokens"


def test_a_flood_of_errors_is_cut_short(untouched: RunningServer) -> None:
    many = {f"{SECRET[:4]}{i}": 1 for i in range(100_000)}
    assert pointer_of(untouched.client.post("/v1/inputs", json=many)) == ""
    assert pointer_of(
        untouched.client.post("/v1/inputs", content=json.dumps({"tokens": ["x"] * 100_000}), headers=JSON)
    )
    long = problem_of(untouched.client.post("/v1/inputs", json={"text": "a", "x" * 100_000: 1}), 422)
    assert len(json.dumps(long)) < 1000


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"prompt": 5}, "/prompt"),
        ({"prompt": "a" * 4097}, "/prompt"),
        ({"max_tokens": 0}, "/max_tokens"),
        ({"max_tokens": 4097}, "/max_tokens"),
        ({"max_tokens": "3"}, "/max_tokens"),
        ({"temperature": -0.1}, "/temperature"),
        ({"temperature": 1e9}, "/temperature"),
        ({"seed": -1}, "/seed"),
        ({"seed": 2**63}, "/seed"),
        ({"stream": "yes"}, "/stream"),
        ({"model": "x"}, "/model"),
    ],
)
def test_wrong_prompts(untouched: RunningServer, body: dict[str, object], pointer: str) -> None:
    assert pointer_of(untouched.client.post("/v1/generate", json=body)) == pointer


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ('{"learning_rate": NaN}', "/learning_rate"),
        ('{"learning_rate": -1}', "/learning_rate"),
        ('{"learning_rate": 1e400}', "/learning_rate"),
        ('{"learning_rate": 1e39}', "/learning_rate"),
        ('{"tick_hz": 0}', "/tick_hz"),
        ('{"tick_hz": Infinity}', "/tick_hz"),
        ('{"plasticity": 1}', "/plasticity"),
        ('{"paused": "yes"}', "/paused"),
        ('{"preset": "literal"}', "/preset"),
    ],
)
def test_wrong_settings(untouched: RunningServer, body: str, pointer: str) -> None:
    assert pointer_of(untouched.client.patch("/v1/net", content=body, headers=JSON)) == pointer


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/v1/outputs?after=-1", "after"),
        ("/v1/outputs?after=x", "after"),
        ("/v1/outputs?limit=0", "limit"),
        ("/v1/outputs?limit=1000000", "limit"),
        ("/v1/net?hash=perhaps", "hash"),
        ("/v1/snapshots?limit=0", "limit"),
    ],
)
def test_wrong_parameters(server: RunningServer, path: str, parameter: str) -> None:
    [place] = problem_of(server.client.get(path), 422)["errors"]
    assert place["parameter"] == parameter


@pytest.mark.parametrize("id", ["00000009", "1", "..%2f00000001", "a" * 10_000, "%00", "%D9%A1"])
def test_no_such_snapshot(untouched: RunningServer, id: str) -> None:
    call = untouched.client.request
    for method, path in (("GET", ""), ("GET", "/data"), ("POST", "/restore"), ("DELETE", "")):
        problem_of(call(method, f"/v1/snapshots/{id}{path}"), 404)


@pytest.mark.parametrize(
    ("method", "path", "content", "type", "title"),
    [
        ("GET", "/v1/snapshots/00000099", None, "not-found", "Not found"),
        ("GET", "/v1/nothing", None, "not-found", "Not found"),
        ("DELETE", "/v1/net", None, "method-not-allowed", "Method not allowed"),
        ("POST", "/v1/inputs", "{", "malformed", "Bad request"),
        ("POST", "/v1/inputs", "{}", "invalid", "Validation failed"),
    ],
)
def test_a_title_is_in_the_words_of_http(
    untouched: RunningServer, method: str, path: str, content: str | None, type: str, title: str
) -> None:
    problem = untouched.client.request(method, path, content=content, headers=JSON).json()
    assert (problem["type"], problem["title"]) == (f"/problems/{type}", title)


def test_no_such_path_or_method(server: RunningServer) -> None:
    problem_of(server.client.get("/v1/never-to-be-repeated"), 404)
    problem = problem_of(server.client.delete("/v1/net"), 405)
    assert problem["type"] == "/problems/method-not-allowed"


def test_a_net_of_frames_does_not_generate(untouched_frames: RunningServer) -> None:
    problem_of(untouched_frames.client.post("/v1/generate", json={"prompt": "a"}), 409)
