"""What the OpenAI face answers."""

import math
from typing import Any, Literal

from pydantic import BaseModel, Field

from realnet.tokens.outputs import ToldToken
from realnet.vocabulary import Bytes, Vocabulary
from service.api.openai.said import Placed

FinishReason = Literal["stop", "length"]


class Usage(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int

    @classmethod
    def of(cls, prompt: int, completion: int) -> "Usage":
        return cls(prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion)


class Answer(BaseModel):
    id: str
    created: int = Field(description="seconds since 1970")
    model: str


class CompletionLogprobs(BaseModel):
    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int]

    @classmethod
    def of(cls, tokens: list[Placed], vocabulary: Vocabulary) -> "CompletionLogprobs":
        told = [each.told for each in tokens]
        own = [(sign_of(each.token, vocabulary), logprob_of(each)) for each in told]
        return cls(
            tokens=[sign for sign, _ in own],
            token_logprobs=[logprob for _, logprob in own],
            top_logprobs=[
                {sign_of(token, vocabulary): math.log(p) for token, p in each.likeliest} | dict([pair])
                for each, pair in zip(told, own, strict=True)
            ],
            text_offset=[each.offset for each in tokens],
        )


class CompletionChoice(BaseModel):
    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason


class Completion(Answer):
    object: Literal["text_completion"] = "text_completion"
    choices: list[CompletionChoice]
    usage: Usage


class TopLogprob(BaseModel):
    token: str
    logprob: float
    bytes: list[int] | None


class TokenLogprob(TopLogprob):
    top_logprobs: list[TopLogprob]


class ChatLogprobs(BaseModel):
    content: list[TokenLogprob]
    refusal: None = None

    @classmethod
    def of(cls, tokens: list[Placed], vocabulary: Vocabulary) -> "ChatLogprobs":
        def told(token: int, logprob: float) -> dict[str, Any]:
            return {"token": sign_of(token, vocabulary), "logprob": logprob, "bytes": bytes_of(token, vocabulary)}

        content = []
        for each in (placed.told for placed in tokens):
            top = [TopLogprob(**told(token, math.log(p))) for token, p in each.likeliest]
            content.append(TokenLogprob(**told(each.token, logprob_of(each)), top_logprobs=top))
        return cls(content=content)


class ChatMessage(BaseModel):
    role: Literal["assistant"] = "assistant"
    content: str
    refusal: None = None


class ChatChoice(BaseModel):
    index: int
    message: ChatMessage
    logprobs: ChatLogprobs | None
    finish_reason: FinishReason


class Chat(Answer):
    object: Literal["chat.completion"] = "chat.completion"
    choices: list[ChatChoice]
    usage: Usage


class Model(BaseModel):
    id: str
    object: Literal["model"] = "model"
    created: int = Field(description="when this server began, in seconds since 1970")
    owned_by: Literal["realnet"] = "realnet"


class ModelList(BaseModel):
    object: Literal["list"] = "list"
    data: list[Model]


def logprob_of(told: ToldToken) -> float:
    """Return the natural logarithm of how probable a token was, the same as where it is among the likeliest."""
    return math.log(dict(told.likeliest).get(told.token, told.probability))


def sign_of(token: int, vocabulary: Vocabulary) -> str:
    """Return a token as a text of its own: `bytes:\\xe2` is a part of a character, as the OpenAI API writes it."""
    text = vocabulary.decode([token])
    if "\ufffd" not in text:
        return text
    return f"bytes:\\x{token:02x}" if vocabulary.name == Bytes.name else f"token:{token}"


def bytes_of(token: int, vocabulary: Vocabulary) -> list[int] | None:
    """Return the bytes of a token; None of a part of a character, where the vocabulary does not tell them."""
    if vocabulary.name == Bytes.name:
        return [token]
    text = vocabulary.decode([token])
    return None if "\ufffd" in text else list(text.encode())
