"""The bodies of REST, and the commands that they become."""

from typing import Annotated, Literal, Self, TypeAlias

import numpy as np
from annotated_types import Ge, Le
from numpy.typing import NDArray
from pydantic import AfterValidator, BaseModel, Field, model_validator

from realnet.dendrites.birth import LEAST_LINES, MOST_LINES
from realnet.dendrites.text import CONTEXTS
from realnet.inputs import Input as GivenInput
from realnet.inputs import InputError
from realnet.interface import Interface
from service.errors import ErrorLocation, Invalid
from service.runtime.runtime import Runtime
from service.snapshots.snapshot import Snapshot
from service.telemetry.memory import resident_bytes
from service.validation import LABEL_LENGTH, Body, Row, SessionName, Token


def _check_printable(name: str) -> str:
    if not name.isprintable():
        raise ValueError("printable signs only")
    return name


Label: TypeAlias = Annotated[str, Field(min_length=1, max_length=LABEL_LENGTH), AfterValidator(_check_printable)]


class Input(Body):
    """Exactly one of `text`, `tokens` and `frames`; `teachers` go with frames, null is no teacher at that tick."""

    text: Annotated[str, Field(min_length=1)] | None = None
    tokens: Annotated[list[Token], Field(min_length=1, fail_fast=True)] | None = None
    frames: Annotated[list[Row], Field(min_length=1, fail_fast=True)] | None = None
    teachers: Annotated[list[Row | None], Field(fail_fast=True)] | None = None
    learn: bool = True
    label: Label | None = Field(
        None, description="whom or what it is from, as `GET /v1/self` tells; if none is given, the name of the key"
    )
    session: SessionName | None = Field(None, description="whose short-term memory it is lived with; none: the net's")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if (self.text is not None) + (self.tokens is not None) + (self.frames is not None) != 1:
            raise ValueError("give exactly one of text, tokens and frames")
        if self.teachers is not None and self.frames is None:
            raise ValueError("teachers go with frames only")
        return self

    def parsed(self, interface: Interface, max_ticks: int) -> GivenInput:
        """Return what the net is given. Raises Invalid, naming the place, for what this net cannot take."""
        if not isinstance(self.tokens, bytes):
            _check_count(len(self.tokens or ()), "/tokens", max_ticks)
        _check_count(len(self.frames or ()), "/frames", max_ticks)
        try:
            given = interface.parse(text=self.text, tokens=self.tokens, frames=self.frames, teachers=self.teachers)
        except InputError as error:
            raise _located(error) from None
        _check_count(len(given), "/text" if self.tokens is None else "/tokens", max_ticks)
        if not len(given):
            raise _wrong("/text", "there is no token in it")
        return given


class Prompt(Body):
    prompt: str = ""
    tokens: Annotated[list[Token], Field(fail_fast=True)] | None = Field(None, description="instead of a prompt")
    max_tokens: Annotated[int, Ge(1)] = 64
    temperature: float = Field(0.7, ge=0.0, le=100.0, allow_inf_nan=False, description="0 takes the likeliest")
    seed: Annotated[int, Ge(0), Le(2**63 - 1)] = 0
    fresh: bool = Field(False, description="start from an empty activation state, not from the net's present one")
    read: Literal["frozen", "adapt"] = Field(
        "frozen",
        description="how a net of dendrites reads the prompt: adapt has it adapt to a long one, for this alone",
    )
    link: str | None = Field(
        None, max_length=64, description="id of a link: its net and this one generate together, heard as one"
    )
    session: SessionName | None = Field(None, description="go on from what this session has in mind, not the net")
    stream: bool = Field(False, description="answer in server-sent events")

    @model_validator(mode="after")
    def _is_one_thing(self) -> Self:
        if self.prompt and self.tokens is not None:
            raise ValueError("give a prompt or tokens")
        if self.link is not None and self.read == "adapt":
            raise ValueError("with a link the prompt is read frozen: leave read out")
        if self.session is not None and self.fresh:
            raise ValueError("go on from a session, or from nothing in mind: leave one of session and fresh out")
        return self


class Change(Body):
    """Changes of the net; what is left out stays as it is."""

    learning_rate: float | None = Field(None, ge=0.0, le=1e6, allow_inf_nan=False)
    plasticity: bool | None = None
    tick_hz: float | None = Field(None, ge=0.001, le=1000.0, allow_inf_nan=False)
    paused: bool | None = None
    self_loop: bool | None = Field(
        None, description="whether a net of tokens thinks on while nothing comes, a token a tick; nothing is learnt"
    )


def _check_power_of_two(lines: int) -> int:
    if lines & (lines - 1):
        raise ValueError("a power of two")
    return lines


def check_context(context: str) -> str:
    """Return the context. Raises ValueError unless there is one of this name."""
    if context not in CONTEXTS:
        raise ValueError(f"there is no context of this name; there are {'; '.join(CONTEXTS)}")
    return context


Lines: TypeAlias = Annotated[int, Ge(LEAST_LINES), Le(MOST_LINES), AfterValidator(_check_power_of_two)]
Context: TypeAlias = Annotated[str, AfterValidator(check_context)]


class Growth(Body):
    """Room for so many lines at once, dendrites for more contexts, or both."""

    lines: Lines | None = None
    contexts: list[Context] = Field([], max_length=len(CONTEXTS), fail_fast=True)

    @model_validator(mode="after")
    def _is_something(self) -> Self:
        if self.lines is None and not self.contexts:
            raise ValueError("give lines, contexts or both")
        return self


class Shrinkage(Body):
    lines: Lines


class Net(BaseModel, frozen=True):
    """`accuracy` and `surprise` (bits) are prequential and moving; null before the first token, or without tokens.

    Of dendrites `accuracy` is estimated: where the likeliest token is not plain, it is searched at one of 16 ticks.
    `queue_depth` of `queue_capacity` ticks are accepted and not yet run, `listeners` is how many streams are open, and
    `memory_bytes` what the process has in memory; null where the system does not tell. `lines` of up to `max_lines`,
    and `contexts`, are of nets of dendrites; null of others.
    """

    name: str
    preset: str
    neurons: int
    lines: int | None
    max_lines: int | None
    contexts: list[str] | None
    inputs: int
    outputs: int
    vocabulary: str | None
    device: str
    kernel: str
    mode: str
    tick: int
    tokens_seen: int
    ticks_per_second: float
    queue_depth: int
    queue_capacity: int
    listeners: int
    memory_bytes: int | None
    accuracy: float | None
    surprise: float | None
    learning_rate: float
    plasticity: bool
    tick_hz: float
    self_loop: bool
    weights_sha256: str | None = None
    state_sha256: str | None = None

    @classmethod
    def of(cls, runtime: Runtime) -> "Net":
        status, interface = runtime.status, runtime.interface
        return cls(
            name=runtime.name,
            preset=status.preset,
            neurons=status.neurons,
            lines=status.lines,
            max_lines=status.max_lines,
            contexts=None if status.contexts is None else list(status.contexts),
            inputs=interface.inputs,
            outputs=interface.outputs,
            vocabulary=None if interface.vocabulary is None else interface.vocabulary.name,
            device=status.device,
            kernel=status.kernel,
            mode=status.mode,
            tick=status.tick,
            tokens_seen=status.tokens_seen,
            ticks_per_second=round(status.ticks_per_second, 1),
            queue_depth=runtime.inbox.depth,
            queue_capacity=runtime.inbox.capacity,
            listeners=runtime.outputs.wanted.subscribers,
            memory_bytes=resident_bytes(),
            accuracy=status.accuracy,
            surprise=status.surprise,
            learning_rate=status.learning_rate,
            plasticity=status.plasticity,
            tick_hz=status.tick_hz,
            self_loop=runtime.engine.thoughts.is_on,
        )


class Me(BaseModel):
    """Whom the server takes the caller for: the name and the scope of the key. Without keys anybody may do all.

    The key is for nets with names like one of `nets`, in which `*` is any signs. With `max_nets` it makes no more once
    there are so many of them; with `max_bytes` so many bytes of memory are for these nets together.
    """

    name: str
    scope: Literal["merge", "read", "teach", "admin"] | None
    keys_required: bool
    nets: list[str]
    max_nets: int | None
    max_bytes: int | None


class TokenTexts(BaseModel):
    """Of each token that was asked for, what it is written as by itself."""

    texts: list[str]


class Accepted(BaseModel):
    accepted: int
    queued: int


class GeneratedText(BaseModel):
    text: str
    tokens: list[int]
    tick: int
    finish_reason: str = Field(description="`length`")


class Health(BaseModel):
    status: str


SnapshotName: TypeAlias = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_check_printable)]


class SnapshotRequest(Body):
    name: SnapshotName | None = None
    kept: Annotated[bool, Field(description="until it is deleted; if not, until there are newer ones")] = True


class SnapshotChange(Body):
    """What is left out stays as it is; a name that is null is taken away."""

    kept: bool = False
    name: SnapshotName | None = None


class SnapshotList(BaseModel):
    data: list[Snapshot]
    has_more: bool
    next: str | None


def tokens_of(prompt: Prompt, interface: Interface, most: int) -> NDArray[np.int32]:
    """Return the tokens of a prompt, perhaps none. Raises Invalid, naming the place."""
    _check_count(len(prompt.tokens or ()), "/tokens", most)
    try:
        if prompt.tokens is None:
            tokens = interface.parse(text=prompt.prompt).tokens
        else:
            tokens = interface.parse(tokens=prompt.tokens).tokens
    except InputError as error:
        raise _located(error, text="prompt") from None
    assert tokens is not None, "a net with a vocabulary reads tokens"
    _check_count(len(tokens), "/prompt", most)
    return tokens


def _located(error: InputError, text: str = "text") -> Invalid:
    """Return the error with a JSON pointer for its place; `text` is what the text is called there."""
    return _wrong("".join(f"/{text if step == 'text' else step}" for step in error.place), error.detail)


def _check_count(count: int, pointer: str, most: int) -> None:
    if count > most:
        raise _wrong(pointer, f"{count} at once, and {most} may be")


def _wrong(pointer: str, detail: str) -> Invalid:
    return Invalid([ErrorLocation(detail=detail, pointer=pointer)])
