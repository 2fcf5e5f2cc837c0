"""LangChain's client of the OpenAI API, unmodified."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.api.openai.asking import ANSWER, api_of
from tests.running_server import ThreadServer

if TYPE_CHECKING:
    from langchain_openai import ChatOpenAI


@pytest.fixture(scope="module")
def chat(taught: ThreadServer) -> "ChatOpenAI":
    from langchain_openai import ChatOpenAI  # takes a second, which only the worker with these tests should spend

    return ChatOpenAI(**api_of(taught), model="default", temperature=0)


def test_it_is_invoked(chat: "ChatOpenAI") -> None:
    said = chat.invoke([("system", "be brief"), ("human", "who are you?")])
    assert said.content == ANSWER
    assert said.response_metadata["finish_reason"] == "stop"
    assert said.usage_metadata is not None
    assert said.usage_metadata["input_tokens"] == len("system: be brief\nuser: who are you?\nassistant:")


def test_it_streams(chat: "ChatOpenAI") -> None:
    pieces = list(chat.stream("who are you?", stream_usage=True))
    assert "".join(str(piece.content) for piece in pieces) == ANSWER
    assert len(pieces) > 3
    assert sum(piece.usage_metadata is not None for piece in pieces) == 1


@pytest.mark.anyio
async def test_it_does_both_asynchronously(chat: "ChatOpenAI") -> None:
    assert (await chat.ainvoke("who are you?")).content == ANSWER
    assert "".join([str(piece.content) async for piece in chat.astream("who are you?")]) == ANSWER


def test_its_options_reach_the_net(chat: "ChatOpenAI") -> None:
    assert chat.invoke("who are you?", stop=[" that"]).content == "a net"
    told: Any = chat.bind(logprobs=True, top_logprobs=2).invoke("who are you?").response_metadata["logprobs"]
    assert bytes(byte for token in told["content"] for byte in token["bytes"]).decode() == ANSWER


def test_a_completion_is_batched(taught: ThreadServer) -> None:
    from langchain_openai import OpenAI

    complete = OpenAI(**api_of(taught), model="default", temperature=0, max_tokens=9)
    assert complete.batch(["user: who", "user: "]) == [" are you?", "who are y"]
