"""Models and completions, by the unmodified `openai` package."""

import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, OpenAI

from realnet import DendriteLearner
from realnet.vocabulary import TokenizerFile
from tests.api.openai.asking import LIKELIEST, TEXT, api_of
from tests.realnet.vocabularies import bytes_and_words
from tests.running_server import ThreadServer

ASKED: dict[str, Any] = {**LIKELIEST, "prompt": "user: who"}


@pytest.fixture(scope="module")
def alone() -> DendriteLearner:
    """The same net without a server."""
    learner = DendriteLearner.create()
    learner.run(learner.vocabulary.encode(TEXT))
    return learner


def streamed(client: OpenAI, **asked: Any) -> list[Any]:
    with client.completions.create(**asked, stream=True) as stream:
        return list(stream)


def test_there_is_one_model(api: OpenAI) -> None:
    [model] = api.models.list().data
    assert (model.id, model.object, model.owned_by) == ("default", "model", "realnet")
    assert api.models.retrieve("default") == model


def test_a_completion_is_the_librarys_from_nothing_in_mind(api: OpenAI, alone: DendriteLearner) -> None:
    prompt = alone.vocabulary.encode("user: who")
    expected = alone.generator(prompt, 1.0, 5, fresh=True).step(16)
    completion = api.completions.create(model="default", prompt="user: who", seed=5)
    [choice] = completion.choices
    assert (choice.text, choice.finish_reason) == (bytes(expected).decode(errors="replace"), "length")
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (9, 16)
    assert completion.usage.total_tokens == 25


def test_a_stream_has_the_same_in_pieces(api: OpenAI) -> None:
    asked = ASKED | {"max_tokens": 50, "logprobs": 1, "echo": True}
    whole = api.completions.create(**asked)
    *chunks, last = streamed(api, **asked, stream_options={"include_usage": True})
    assert len(chunks) > 5
    assert "".join(chunk.choices[0].text for chunk in chunks) == whole.choices[0].text
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["length"]
    assert whole.choices[0].logprobs is not None
    told = [token for chunk in chunks if (told := chunk.choices[0].logprobs) for token in told.tokens]
    assert told == whole.choices[0].logprobs.tokens
    assert {chunk.usage for chunk in chunks} == {None}
    assert (last.choices, last.usage) == ([], whole.usage)
    assert not any(chunk.usage for chunk in streamed(api, **asked))


@pytest.mark.anyio
async def test_an_async_client_gets_the_same(api: OpenAI, async_api: AsyncOpenAI) -> None:
    whole = await async_api.completions.create(**ASKED)
    pieces = [chunk.choices[0].text async for chunk in await async_api.completions.create(**ASKED, stream=True)]
    assert "".join(pieces) == whole.choices[0].text == api.completions.create(**ASKED).choices[0].text


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("\n", " are you?"),
        (["tha", "zz"], " are you?\nassistant: a net "),
        (["été", "és"], " are you?\nassistant: a net that lives, "),
        ([" ar", "are"], ""),
        ("nowhere", None),
    ],
)
def test_a_text_ends_before_a_stop(api: OpenAI, stop: str | list[str], text: str | None) -> None:
    asked = ASKED | {"max_tokens": 60, "stop": stop, "logprobs": 0}
    completion = api.completions.create(**asked)
    [choice] = completion.choices
    chunks = streamed(api, **asked)
    assert "".join(chunk.choices[0].text for chunk in chunks) == choice.text
    assert chunks[-1].choices[0].finish_reason == choice.finish_reason == ("length" if text is None else "stop")
    assert completion.usage is not None
    assert choice.logprobs is not None
    assert choice.logprobs.tokens is not None
    assert [token for chunk in chunks if (told := chunk.choices[0].logprobs) for token in told.tokens] == (
        choice.logprobs.tokens
    )
    if text is not None:
        assert choice.text == text
        assert "".join(choice.logprobs.tokens) == text
        assert len(text) < completion.usage.completion_tokens < len(text) + 7  # with those of the stop, and none after


def test_logprobs_are_what_the_net_says(api: OpenAI, alone: DendriteLearner) -> None:
    text = "user: who are they?"
    said = alone.fork()
    said.net.forget()
    expected = said.run(said.vocabulary.encode(text), 0.0)
    asked: dict[str, Any] = {"model": "default", "prompt": text, "max_tokens": 0, "echo": True, "logprobs": 5}
    for temperature in (0, 1.7):
        completion = api.completions.create(**asked, temperature=temperature)
        [choice] = completion.choices
        assert completion.usage is not None
        assert (choice.text, choice.finish_reason, completion.usage.completion_tokens) == (text, "length", 0)
        told = choice.logprobs
        assert told is not None
        assert told.tokens == list(text)
        assert told.text_offset == list(range(len(text)))
        assert told.token_logprobs == pytest.approx((-expected.surprise * math.log(2)).tolist(), abs=1e-4)
        assert told.top_logprobs is not None
        for own, token, logprob, others in zip(
            expected.next_token[:-1].tolist(),
            told.tokens[1:],
            told.token_logprobs[1:],
            told.top_logprobs[1:],
            strict=True,
        ):
            assert {chr(each) if each < 128 else f"bytes:\\x{each:02x}" for each in own} | {token} == set(others)
            assert others[token] == logprob


def test_parts_of_characters_are_told_as_bytes(api: OpenAI) -> None:
    told = api.completions.create(**LIKELIEST, prompt="that lives, ", max_tokens=5, logprobs=0).choices[0].logprobs
    assert told is not None
    assert told.tokens == ["bytes:\\xc3", "bytes:\\xa9", "t", "bytes:\\xc3", "bytes:\\xa9"]
    assert told.text_offset == [0, 0, 1, 2, 2]


def test_a_seed_gives_the_same_again_and_choices_differ(api: OpenAI) -> None:
    def said(**asked: Any) -> list[str]:
        choices = api.completions.create(model="default", prompt="x", temperature=2, **asked).choices
        assert [choice.index for choice in choices] == list(range(len(choices)))
        return [choice.text for choice in choices]

    four = said(seed=-7, n=4)
    assert len(set(four)) == 4
    assert said(seed=-7, n=4) == four
    assert said(seed=-7) == four[:1]
    assert said() != said()


def test_several_prompts_have_choices_each(api: OpenAI) -> None:
    prompts = ["user: who", "assistant"]
    texts = [api.completions.create(**LIKELIEST, prompt=prompt).choices[0].text for prompt in prompts]
    together = api.completions.create(**LIKELIEST, prompt=prompts, n=2)
    assert [choice.text for choice in together.choices] == [texts[0], texts[0], texts[1], texts[1]]
    assert together.usage is not None
    assert (together.usage.prompt_tokens, together.usage.completion_tokens) == (18, 64)
    as_ids = api.completions.create(**LIKELIEST, prompt=[list(prompt.encode()) for prompt in prompts])
    assert [choice.text for choice in as_ids.choices] == texts
    pieces = streamed(api, **LIKELIEST, prompt=prompts)
    assert ["".join(p.choices[0].text for p in pieces if p.choices[0].index == index) for index in (0, 1)] == texts


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ThreadServer]:
    """A server with a net whose tokens are words and bytes."""
    directory = tmp_path_factory.mktemp("worded")
    path = directory / "tokenizer.json"
    path.write_bytes(bytes_and_words())
    server = ThreadServer(directory, vocabulary=str(path))
    server.start().run(text="the naïve cat sat on the mat 🦆 " * 40)
    yield server
    server.close()


@pytest.mark.parametrize(("stop", "text"), [("at", " the naïve c"), ("t 🦆", " the naïve cat sat on the ma")])
def test_a_stop_may_begin_within_a_token(worded: ThreadServer, stop: str, text: str) -> None:
    asked = {**LIKELIEST, "prompt": "the mat 🦆", "max_tokens": 60, "logprobs": 1, "stop": stop}
    with OpenAI(**api_of(worded)) as api:
        completion = api.completions.create(**asked)
        assert "".join(chunk.choices[0].text for chunk in streamed(api, **asked)) == text
    [choice] = completion.choices
    assert (choice.text, choice.finish_reason) == (text, "stop")
    assert completion.usage is not None
    assert choice.logprobs is not None
    assert choice.logprobs.tokens is not None
    assert choice.logprobs.tokens[0] == " the"
    assert completion.usage.prompt_tokens == len(TokenizerFile(bytes_and_words()).encode("the mat 🦆"))


def test_a_net_with_a_matrix_does_the_same(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(neurons=1000).start()
    server.run(text=TEXT)
    with OpenAI(**api_of(server)) as api:
        [choice] = api.completions.create(**ASKED, stop="\n", logprobs=2, echo=True).choices
    assert choice.text.startswith("user: who are you")
    assert choice.logprobs is not None
    assert choice.logprobs.token_logprobs is not None
    assert all(logprob is not None and logprob < 0 for logprob in choice.logprobs.token_logprobs)
    assert choice.logprobs.tokens == list(choice.text)
