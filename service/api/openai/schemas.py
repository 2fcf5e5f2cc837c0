"""What is asked of the OpenAI face. What of that API this net has nothing for may only be what changes nothing."""

from typing import Annotated, Any, Literal, TypeVar

from annotated_types import Ge, Le
from pydantic import Field, ValidationInfo, field_validator

from service.api.openai.fields import Content, Only, Prompts, StopStrings
from service.validation import Body

_Given = TypeVar("_Given")
_Tokens = Annotated[int, Ge(1)]


class StreamOptions(Body):
    include_usage: bool | None = None
    include_obfuscation: Annotated[Any, Only(False)] = None


class Sampling(Body):
    """What completions and chats have in common."""

    model: str = Field(description="the net's name")
    temperature: Annotated[float, Field(ge=0.0, le=2.0, allow_inf_nan=False)] | None = Field(
        None, description="1 if left out; 0 takes the likeliest"
    )
    seed: Annotated[int, Ge(-(2**63)), Le(2**63 - 1)] | None = Field(None, description="another each time if left out")
    n: Annotated[int, Ge(1), Le(128)] | None = Field(None, description="choices, each of a fork of its own")
    stop: StopStrings = Field((), description="up to 4 strings; the text ends before the first of them")
    stream: bool | None = Field(None, description="answer in server-sent events")
    stream_options: StreamOptions | None = None
    user: str | None = Field(None, description="is not looked at")
    top_p: Annotated[Any, Only(1)] = None
    presence_penalty: Annotated[Any, Only(0)] = None
    frequency_penalty: Annotated[Any, Only(0)] = None
    logit_bias: Annotated[Any, Only({})] = None

    @field_validator("stream_options")
    @classmethod
    def _goes_with_a_stream(cls, given: _Given, others: ValidationInfo) -> _Given:
        if given is not None and not others.data.get("stream"):
            raise ValueError("goes with stream only")
        return given

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class CompletionRequest(Sampling):
    prompt: Prompts = Field([""], description="a text, token ids, or a list of either")
    max_tokens: Annotated[int, Ge(0)] | None = Field(None, description="16 if left out")
    echo: bool | None = Field(None, description="begin the text with the prompt")
    logprobs: Annotated[int, Ge(0), Le(5)] | None = Field(
        None,
        description="tell of each token how probable it was, and so many of the likeliest; with echo of the prompt's",
    )
    best_of: Annotated[Any, Only(1)] = None
    suffix: Annotated[Any, Only("")] = None


class Message(Body):
    role: Literal["developer", "system", "user", "assistant"]
    content: Content = Field("", description="a text, or a list of parts of type text")
    refusal: Annotated[Any, Only()] = None
    annotations: Annotated[Any, Only([])] = None
    audio: Annotated[Any, Only()] = None
    tool_calls: Annotated[Any, Only([])] = None
    function_call: Annotated[Any, Only()] = None


class ChatRequest(Sampling):
    messages: Annotated[list[Message], Field(min_length=1)]
    max_tokens: _Tokens | None = Field(None, description="the older name of max_completion_tokens")
    max_completion_tokens: _Tokens | None = Field(None, description="256 if left out")
    logprobs: bool | None = Field(None, description="tell of each token how probable it was")
    top_logprobs: Annotated[int, Ge(0), Le(20)] | None = Field(None, description="and so many of the likeliest")
    learn: bool | None = Field(None, description="teach the net the messages; needs the scope teach")
    audio: Annotated[Any, Only()] = None
    function_call: Annotated[Any, Only("none")] = None
    functions: Annotated[Any, Only([])] = None
    metadata: Annotated[Any, Only({})] = None
    modalities: Annotated[Any, Only(["text"])] = None
    parallel_tool_calls: Annotated[Any, Only(True)] = None
    prediction: Annotated[Any, Only()] = None
    reasoning_effort: Annotated[Any, Only()] = None
    response_format: Annotated[Any, Only({"type": "text"})] = None
    service_tier: Annotated[Any, Only("auto", "default")] = None
    store: Annotated[Any, Only(False)] = None
    tool_choice: Annotated[Any, Only("none", "auto")] = None
    tools: Annotated[Any, Only([])] = None
    verbosity: Annotated[Any, Only()] = None
    web_search_options: Annotated[Any, Only()] = None

    @field_validator("max_completion_tokens")
    @classmethod
    def _is_the_only_one(cls, given: _Given, others: ValidationInfo) -> _Given:
        if given is not None and others.data.get("max_tokens") is not None:
            raise ValueError("give this or max_tokens")
        return given

    @field_validator("top_logprobs")
    @classmethod
    def _goes_with_logprobs(cls, given: _Given, others: ValidationInfo) -> _Given:
        if given is not None and not others.data.get("logprobs"):
            raise ValueError("goes with logprobs only")
        return given
