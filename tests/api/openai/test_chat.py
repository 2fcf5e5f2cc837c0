"""Chats by the unmodified `openai` package, and what they teach."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, ConflictError, OpenAI, PermissionDeniedError, RateLimitError

from service.auth.keys import Scope, create_key
from tests.api.asking import until
from tests.api.openai.asking import ANSWER, LIKELIEST, TEXT, WHO, api_of
from tests.running_server import RunningServer, ThreadServer

MakeServer = Callable[..., ThreadServer]
ASKED: dict[str, Any] = {**LIKELIEST, "messages": WHO}


def test_an_answer_is_the_line_that_follows(api: OpenAI) -> None:
    chat = api.chat.completions.create(**ASKED)
    [choice] = chat.choices
    assert (choice.message.role, choice.message.content, choice.finish_reason) == ("assistant", ANSWER, "stop")
    assert chat.usage is not None
    assert chat.usage.prompt_tokens == len("user: who are you?\nassistant:")
    assert chat.usage.completion_tokens == len(f" {ANSWER}\nuser:".encode())
    whole = api.completions.create(**LIKELIEST, prompt="user: who are you?\nassistant:", max_tokens=60, stop="\nuser:")
    assert whole.choices[0].text == f" {ANSWER}"


def test_a_stream_has_the_same_in_pieces(api: OpenAI) -> None:
    asked = ASKED | {"logprobs": True, "top_logprobs": 2, "n": 2}
    whole = api.chat.completions.create(**asked)
    with api.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}) as stream:
        *chunks, last = list(stream)
    assert (last.choices, last.usage) == ([], whole.usage)
    for index, choice in enumerate(whole.choices):
        own = [chunk.choices[0] for chunk in chunks if chunk.choices[0].index == index]
        assert own[0].delta.role == "assistant"
        assert "".join(each.delta.content or "" for each in own) == choice.message.content == ANSWER
        assert [each.finish_reason for each in own] == [None] * (len(own) - 1) + ["stop"]
        told = [token for each in own if each.logprobs for token in each.logprobs.content or ()]
        assert choice.logprobs is not None
        assert told == choice.logprobs.content
        assert bytes(byte for token in told for byte in token.bytes or ()).decode() == ANSWER
        for token in told:
            assert len(token.top_logprobs) == 2
            assert (token.top_logprobs[0].token, token.top_logprobs[0].logprob) == (token.token, token.logprob)
            assert token.logprob > token.top_logprobs[1].logprob


@pytest.mark.anyio
async def test_an_async_client_gets_the_same(async_api: AsyncOpenAI) -> None:
    assert (await async_api.chat.completions.create(**ASKED)).choices[0].message.content == ANSWER
    chunks = [chunk async for chunk in await async_api.chat.completions.create(**ASKED, stream=True)]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER


def test_stops_and_lengths_of_the_request_count_too(api: OpenAI) -> None:
    def said(**asked: Any) -> tuple[str | None, str]:
        choice = api.chat.completions.create(**ASKED, **asked).choices[0]
        return choice.message.content, choice.finish_reason

    assert said(stop=[" that", "\n"]) == ("a net", "stop")
    assert said(max_tokens=6) == ("a net", "length")
    assert said(max_completion_tokens=6) == ("a net", "length")
    assert said(max_tokens=len(ANSWER.encode()) + 4) == (ANSWER + "\nus", "length")  # no stop, so far


def test_messages_are_read_in_all_forms(api: OpenAI) -> None:
    first = api.chat.completions.create(**ASKED).choices[0].message
    parts = [{"type": "text", "text": "who are "}, {"type": "text", "text": "you?"}]
    messages: list[Any] = [
        {"role": "developer", "content": "be brief"},
        *WHO,
        first,
        {"role": "user", "content": parts},
    ]
    chat = api.chat.completions.create(**LIKELIEST, messages=messages)
    assert chat.usage is not None
    transcript = f"developer: be brief\nuser: who are you?\nassistant: {ANSWER}\nuser: who are you?\nassistant:"
    assert chat.usage.prompt_tokens == len(transcript.encode())
    assert chat.choices[0].message.content == ANSWER


@pytest.fixture
def learning(new_server: MakeServer) -> Iterator[tuple[ThreadServer, OpenAI]]:
    server = new_server().start()
    server.run(text=TEXT)
    with OpenAI(**api_of(server)) as client:
        yield server, client


def test_a_conversation_is_taught_as_its_lines(learning: tuple[ThreadServer, OpenAI], tmp_path: Path) -> None:
    server, client = learning
    messages: Any = [{"role": "system", "content": "never lie"}, *WHO]
    client.chat.completions.create(**LIKELIEST, messages=messages, extra_body={"learn": True})
    (tmp_path / "other").mkdir()
    other = ThreadServer(tmp_path / "other").start()
    try:
        other.run(text=TEXT)
        other.run(text="system: never lie\nuser: who are you?\n")
        assert other.net(hash="true")["state_sha256"] == server.net(hash="true")["state_sha256"]
    finally:
        other.close()


def test_it_is_taught_once_under_one_key(learning: tuple[ThreadServer, OpenAI]) -> None:
    server, client = learning
    seen = server.net()["tokens_seen"]
    asked: dict[str, Any] = ASKED | {"extra_body": {"learn": True}, "extra_headers": {"Idempotency-Key": "one"}}
    for _ in range(2):
        assert client.chat.completions.create(**asked).choices[0].message.content == ANSWER
        chunks = list(client.chat.completions.create(**asked, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == ANSWER
        assert server.net()["tokens_seen"] == seen + len("user: who are you?\n")
    with pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(**asked | {"messages": [*WHO, *WHO]})
    assert refused.value.param == "Idempotency-Key"
    assert server.net()["tokens_seen"] == seen + len("user: who are you?\n")
    client.chat.completions.create(**ASKED, extra_body={"learn": True})
    assert server.net()["tokens_seen"] == seen + 2 * len("user: who are you?\n")


def test_a_paused_net_learns_it_later(learning: tuple[ThreadServer, OpenAI]) -> None:
    server, client = learning
    seen = server.net()["tokens_seen"]
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    client.chat.completions.create(**ASKED, extra_body={"learn": True})
    assert (server.net()["queue_depth"], server.net()["tokens_seen"]) == (19, seen)
    server.client.patch("/v1/net", json={"paused": False}).raise_for_status()
    until(lambda: server.net()["tokens_seen"] == seen + 19)


def test_what_cannot_be_learnt_is_not_answered(new_server: MakeServer) -> None:
    server = new_server(inbox_ticks=10, max_ticks_per_request=10).start()
    with OpenAI(**api_of(server)) as client, pytest.raises(BadRequestError) as refused:
        client.chat.completions.create(**ASKED, extra_body={"learn": True})
    assert refused.value.param == "messages"
    assert server.net()["tokens_seen"] == 0


def test_where_there_is_no_room_to_learn_there_is_no_answer(new_server: MakeServer) -> None:
    server = new_server(inbox_ticks=30, max_ticks_per_request=30).start()
    server.client.patch("/v1/net", json={"paused": True}).raise_for_status()
    asked: dict[str, Any] = ASKED | {"extra_body": {"learn": True}, "extra_headers": {"Idempotency-Key": "first"}}
    with OpenAI(**api_of(server)) as client:
        client.chat.completions.create(**asked)
        with pytest.raises(ConflictError):  # it is on its way
            client.chat.completions.create(**asked)
        for _ in range(9):  # more than there are places: each gives its own back
            with pytest.raises(RateLimitError, match="30 may be"):
                client.chat.completions.create(**asked | {"extra_headers": {"Idempotency-Key": "second"}})
        assert server.net()["queue_depth"] == 19


def test_to_teach_needs_its_scope(new_server: MakeServer, tmp_path: Path) -> None:
    file = tmp_path / "realnet.keys"
    keys = {scope: create_key(file, scope.word, scope) for scope in (Scope.READ, Scope.TEACH)}
    server: RunningServer = new_server(keys_file=file)
    server.client.headers["Authorization"] = f"Bearer {keys[Scope.READ]}"
    server.start()
    with OpenAI(**api_of(server, keys[Scope.READ])) as reader:
        reader.chat.completions.create(**ASKED)
        with pytest.raises(PermissionDeniedError) as refused:
            reader.chat.completions.create(**ASKED, extra_body={"learn": True})
        assert refused.value.code == "insufficient_scope"
    assert server.net()["tokens_seen"] == 0
    with OpenAI(**api_of(server, keys[Scope.TEACH])) as teacher:
        teacher.chat.completions.create(**ASKED, extra_body={"learn": True})
    assert server.net()["tokens_seen"] == len("user: who are you?\n")
