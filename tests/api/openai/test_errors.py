"""How the OpenAI face refuses: in the form and with the statuses that the `openai` package has classes for."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.api.asking import SECRET, until
from tests.api.openai.asking import LIKELIEST, WHO, api_of
from tests.running_server import RunningServer, ThreadServer
from tests.store.disk import Disk

MakeServer = Callable[..., ThreadServer]
KEY = "a-key-of-an-admin"
ENDLESS: dict[str, Any] = {"model": "default", "prompt": "a", "max_tokens": 10_000_000}


def error_of(error: openai.APIStatusError, status: int) -> dict[str, Any]:
    """Return the error of an answer that has this status, and repeats nothing secret."""
    assert error.status_code == status
    assert SECRET not in error.response.text
    body = error.response.json()
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["message"]
    return dict(body["error"])


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"prompt": 5}, "prompt"),
        ({"prompt": ["a", [1]]}, "prompt"),
        ({"prompt": [1, 256]}, "prompt"),
        ({"prompt": "a" * 4097}, "prompt"),
        ({"prompt": ["a"] * 5}, "prompt"),
        ({"n": 5}, "n"),
        ({"n": 0}, "n"),
        ({"max_tokens": -1}, "max_tokens"),
        ({"max_tokens": 4097}, "max_tokens"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "1"}, "temperature"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"stop": ""}, "stop"),
        ({"stop": "a" * 1001}, "stop"),
        ({"logprobs": 6}, "logprobs"),
        ({"seed": 2**63}, "seed"),
        ({"top_p": 0.9}, "top_p"),
        ({"presence_penalty": 0.1}, "presence_penalty"),
        ({"frequency_penalty": True}, "frequency_penalty"),
        ({"logit_bias": {"50": 1}}, "logit_bias"),
        ({"best_of": 2}, "best_of"),
        ({"suffix": "x"}, "suffix"),
        ({"stream_options": {"include_usage": True}}, "stream_options"),
        ({SECRET[:5]: 1}, SECRET[:5]),
    ],
)
def test_a_wrong_completion_names_the_parameter(api: OpenAI, asked: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        api.completions.create(model="default", prompt="a", extra_body=asked)
    error = error_of(refused.value, 400)
    assert (error["param"], error["type"]) == (param, "invalid_request_error")


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "tool", "content": "a"}]}, "messages[0].role"),
        ({"messages": [*WHO, {"role": "user", "content": [{"type": "image_url"}]}]}, "messages[1].content"),
        ({"messages": [{"role": "user", "content": "a", "name": "b"}]}, "messages[0].name"),
        ({"messages": [{"role": "user", "content": "a" * 4096}]}, "messages"),
        ({"max_tokens": 3, "max_completion_tokens": 3}, "max_completion_tokens"),
        ({"max_completion_tokens": 4097}, "max_completion_tokens"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"learn": "yes"}, "learn"),
    ],
)
def test_a_wrong_chat_names_the_parameter(api: OpenAI, asked: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        api.chat.completions.create(model="default", messages=WHO, extra_body=asked)
    assert error_of(refused.value, 400)["param"] == param


def test_what_changes_nothing_is_overlooked(api: OpenAI) -> None:
    asked: dict[str, Any] = {
        "top_p": 1,
        "presence_penalty": 0.0,
        "frequency_penalty": 0,
        "logit_bias": {},
        "user": "me",
    }
    api.completions.create(**LIKELIEST, prompt="a", best_of=1, suffix=None, n=None, stop=None, **asked)
    chat: dict[str, Any] = {
        "tools": [],
        "response_format": {"type": "text"},
        "store": False,
        "parallel_tool_calls": True,
    }
    api.chat.completions.create(**LIKELIEST, messages=WHO, **asked, **chat)


def test_what_there_is_not(api: OpenAI) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: api.completions.create(model="another", prompt="a"),
        lambda: api.chat.completions.create(model="another", messages=WHO),
        lambda: api.models.retrieve("another"),
    ]
    for call in calls:
        with pytest.raises(openai.NotFoundError) as refused:
            call()
        assert error_of(refused.value, 404)["code"] == "model_not_found"
    for call in (
        lambda: api.embeddings.create(model="default", input="a"),
        lambda: api.responses.create(model="default", input="a"),
        lambda: api.models.delete("default/more"),
    ):
        with pytest.raises(openai.NotFoundError) as refused:
            call()
        assert "no such path" in error_of(refused.value, 404)["message"]


@pytest.mark.parametrize(
    ("method", "content", "content_type", "status"),
    [
        ("POST", '{"model": "never-to-be-repeated', "application/json", 400),
        ("POST", "[]", "application/json", 400),
        ("POST", "{}", "text/plain", 415),
        ("POST", f'"{"a" * 8 * 2**20}"', "application/json", 413),
        ("GET", None, "application/json", 405),
    ],
)
def test_what_is_no_request(
    taught: RunningServer, method: str, content: str | None, content_type: str, status: int
) -> None:
    headers = {"content-type": content_type}
    response = taught.client.request(method, "/v1/completions", content=content, headers=headers)
    assert response.status_code == status
    assert response.headers["content-type"] == "application/json"
    assert response.json()["error"]["type"] == "invalid_request_error"
    assert SECRET not in response.text


def test_keys(new_server: MakeServer) -> None:
    server = new_server(api_key=KEY, rate_requests=5)
    server.client.headers["Authorization"] = f"Bearer {KEY}"
    server.start()
    with OpenAI(**api_of(server, "a-wrong-key-of-nobody")) as stranger:
        with pytest.raises(openai.AuthenticationError) as refused:
            stranger.models.list()
        assert error_of(refused.value, 401)["code"] == "invalid_api_key"
    with OpenAI(**api_of(server, KEY)) as client:
        assert [model.id for model in client.models.list()] == ["default"]
        with pytest.raises(openai.RateLimitError) as limited:
            deque(client.models.list() for _ in range(1000))
    assert error_of(limited.value, 429)["code"] == "rate_limit_exceeded"
    assert int(limited.value.response.headers["retry-after"]) >= 1


def running(server: RunningServer) -> str:
    text = server.client.get("/metrics").text
    return next(line.split()[1] for line in text.splitlines() if line.startswith("realnet_generations{"))


def test_generations_are_bounded_and_end_when_their_client_leaves(new_server: MakeServer) -> None:
    server = new_server(max_generations=3, max_tokens=10_000_000).start()
    with OpenAI(**api_of(server)) as client:
        with client.completions.create(**ENDLESS, n=2, stream=True) as stream:
            next(iter(stream))
            with pytest.raises(openai.RateLimitError) as refused:  # all or none: one place is left
                client.completions.create(**ENDLESS, n=2)
            assert error_of(refused.value, 429)["type"] == "rate_limit_error"
            assert refused.value.response.headers["retry-after"] == "1"
            until(lambda: running(server) == "2.0")
        until(lambda: running(server) == "0.0")
        with pytest.raises(openai.APITimeoutError):
            client.with_options(timeout=0.3).completions.create(**ENDLESS)
        until(lambda: running(server) == "0.0")


def test_a_net_of_frames_has_no_tokens(frames_server: RunningServer) -> None:
    with OpenAI(**api_of(frames_server)) as client:
        assert [model.id for model in client.models.list()] == ["default"]
        calls: list[Callable[[], object]] = [
            lambda: client.completions.create(model="default", prompt="a"),
            lambda: client.chat.completions.create(model="default", messages=WHO),
        ]
        for call in calls:
            with pytest.raises(openai.BadRequestError) as refused:
                call()
            error = error_of(refused.value, 400)
            assert error["param"] == "model"
            assert "raw frames" in error["message"]


def test_what_is_not_durable_is_not_learnt(new_server: MakeServer, tmp_path: Path, disk: Disk) -> None:
    server = new_server(store=f"file://{tmp_path}", journal="always").start()
    with OpenAI(**api_of(server)) as client:
        asked: dict[str, Any] = {**LIKELIEST, "messages": WHO}
        client.chat.completions.create(**asked, extra_body={"learn": True})
        seen = server.net()["tokens_seen"]
        disk.fails = True
        try:
            stream = client.chat.completions.create(**asked, extra_body={"learn": True}, stream=True)
            with stream, pytest.raises(openai.APIError, match="Input/output error"):
                list(stream)
            with pytest.raises(openai.InternalServerError) as refused:
                client.chat.completions.create(**asked, extra_body={"learn": True})
            assert error_of(refused.value, 503)["type"] == "server_error"
            assert refused.value.response.headers["retry-after"] == "1"
            client.chat.completions.create(**asked)  # answers go on
        finally:
            disk.fails = False
        assert server.net()["tokens_seen"] == seen
