"""Every number and address of the server, in three groups; nobody else reads the environment."""

import os
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Literal, Self

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.auth.keys import MIN_LENGTH, is_fit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PREFIX = "REALNET_"
_TOLD = 5  # wrong variables named in one line
_OF_OTHERS = {
    "REALNET_URL",
    "REALNET_KEY",
    "REALNET_NET",
    "REALNET_PEER_KEY",
    "REALNET_HOOK_SECRET",
}  # client commands …
_OF_OTHERS |= {"REALNET_DOMAIN", "REALNET_UPSTREAM"}  # … and docker/Caddyfile


class NetSettings(BaseModel):
    """What one net needs, and no other part of the server."""

    model_config = ConfigDict(title="The net", frozen=True)

    preset: Literal["dendrites", "surprise", "manifesto", "literal"] | None = Field(
        None,
        description="form of the tick that a new net lives by; if not given, dendrites, or surprise where neurons, "
        "inputs or a GPU are asked for",
    )
    variant: Literal["fast", "standard", "large", "compact"] = Field(
        "standard",
        description="contexts and gates of a new net of dendrites; compact is for small devices",
    )
    max_lines: int = Field(
        2**20,
        ge=2**12,
        le=2**22,
        description="lines of 64 bytes that a new net of dendrites may take, a power of two; large gains by 4194304. "
        "`POST /v1/net/grow` and `/shrink` change it later",
    )
    memory: int | None = Field(
        None, ge=2**16, le=2**26, description="bytes that a new compact net has for all that it learns and has in mind"
    )
    vocabulary: str | None = Field(
        None,
        description="tokens of a new net of dendrites: bytes, symbols:N for ids of 0 to N - 1 that are no text, or the "
        "path of a file of the library tokenizers; if not given, bytes",
    )
    neurons: int | None = Field(None, ge=1, description="size of a new net; if not given, the preset's own")
    seed: int = Field(0, ge=0, description="what a new net is drawn from")
    inputs: int | None = Field(
        None, ge=1, description="input neurons of a new net of raw frames instead of tokens; with outputs"
    )
    outputs: int | None = Field(None, ge=1, description="output neurons of a new net of raw frames; with inputs")
    device: str = Field(
        "cpu",
        description="what computes the net: cpu, cuda, cuda:N, auto, which measures at the start whether a GPU carries "
        "this net faster, or sharded, the processes that torchrun has started",
    )

    tick_hz: float = Field(10.0, ge=0.001, le=1000, description="ticks a second without input")
    self_loop: bool = Field(
        False, description="a net of tokens thinks on while nothing comes, a token a tick; it learns nothing of it"
    )
    rest_after: int = Field(0, ge=0, description="ticks computed without input before the net rests")
    free_run: bool = Field(False, description="never rest")
    idle_learning: bool = Field(False, description="learn in ticks without input, too")
    sleep_after: float = Field(0.0, ge=0, description="seconds without input before the net sleeps; 0 is never")

    journal: Literal["always", "everysec", "never", "off"] = Field(
        "everysec",
        description="when an input is on the disk: always before it is learnt, everysec within a second, "
        "never when the system writes it; off keeps no journal",
    )
    hash_every: int = Field(
        100_000,
        ge=0,
        description="ticks after which the net's hash is journalled for the servers that follow, if there are any; "
        "0 is never",
    )
    snapshot_every: float = Field(300.0, ge=0, description="seconds between snapshots; 0 is never")
    snapshot_ticks: int = Field(
        10_000_000,
        ge=0,
        description="ticks computed between snapshots, if they come before the seconds are over; 0 is never",
    )
    snapshots_kept: int = Field(5, ge=1, description="snapshots that stay of those that nobody asked to keep")
    max_kept_snapshots: int = Field(
        100, ge=1, description="snapshots that users may keep: one more is refused, none is deleted"
    )
    datasets_kept: int = Field(100, ge=1, description="data sets that are kept: one more is refused, none is deleted")
    max_dataset_bytes: int = Field(2**30, ge=1, description="bytes of an uploaded data set, and of it unpacked")

    inbox_ticks: int = Field(65_536, ge=1, description="tokens or frames that may wait for the engine")
    outputs_kept: int = Field(262_144, ge=1, description="outputs that are kept for readers, one a tick")
    max_generations: int = Field(8, ge=1, description="generations at once, half of them of one key")
    idempotency_keys: int = Field(
        100_000, ge=1, description="Idempotency-Keys remembered of each caller, for 24 hours; one more is refused"
    )
    client_ids: int = Field(
        10_000, ge=1, description="client_ids remembered of each caller, for 30 days; one more is refused"
    )
    streams: int = Field(
        1000, ge=0, description="streams that are watched (POST /v1/observe): one more is refused, none is deleted"
    )
    streams_bytes: int = Field(
        2**31, ge=1, description="bytes of streams in memory: those used longest ago go to the store, and come back"
    )

    @model_validator(mode="after")
    def _has_both_widths_or_none(self) -> Self:
        if (self.inputs is None) != (self.outputs is None):
            raise ValueError("inputs and outputs are given both or not at all")
        return self


class ServerSettings(BaseModel):
    """Where the server listens, whom it serves, where it keeps everything and what it logs."""

    model_config = ConfigDict(title="The server", frozen=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8420, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one")
    store: str = Field(
        default_factory=lambda: default_store(),
        description="where all is kept: file:///absolute/dir, file:relative/dir or redis://host:port/db; if not given, "
        "the user's own directory for data, or data in the working directory where that is a store already",
    )

    follow: str | None = Field(
        None,
        description="follow the server that has this store, given as for store: live by its journal, answer what only "
        "reads, and send it all else",
    )
    read_only: bool = Field(False, description="with follow: refuse what would change the net, instead of sending it")
    standby: bool = Field(False, description="with follow: lead as soon as the server that is followed is gone")
    advertise: str | None = Field(
        None,
        pattern=r"^https?://[^/\s?#]+$",
        description="URL by which other servers on the store reach this one; if not given, its address and port",
    )

    api_key: SecretStr | None = Field(None, description="a key that allows everything")
    keys_file: Path | None = Field(None, description="file of keys, as `realnet key create` writes it")
    insecure: bool = Field(False, description="serve anybody without a key on an address that is not loopback")
    origins: tuple[str, ...] = Field(
        (), description="other sites whose pages may use the net, as https://example.org; the variable is a JSON list"
    )
    peers: tuple[str, ...] = Field(
        (),
        description="hosts, besides loopback, of other servers that this one may call when it is told to meet one, or "
        "to send it events; the variable is a JSON list",
    )
    rate_requests: float = Field(1000.0, ge=0, description="requests a second for each key; 0 is no limit")
    rate_ticks: float = Field(1_000_000.0, ge=0, description="tokens or frames a second for each key; 0 is no limit")

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="least level that is logged")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="form of log lines; auto is JSON, but short lines on a terminal"
    )
    traces: bool = Field(
        False, description="send a trace of every request by OpenTelemetry, whose OTEL_… variables say where to"
    )

    @model_validator(mode="after")
    def _is_closed_to_strangers(self) -> Self:
        if self.api_key is not None and not is_fit(self.api_key.get_secret_value()):
            raise ValueError(f"api_key is not {MIN_LENGTH} to 256 visible ASCII signs, as `openssl rand -hex 32` gives")
        if self.host not in LOOPBACK and not self.insecure and not self.has_keys:
            raise ValueError(
                "host is not a loopback address, so that anybody could reach the net: set REALNET_API_KEY or "
                "REALNET_KEYS_FILE, or --insecure if you mean it"
            )
        return self

    @model_validator(mode="after")
    def _follows_if_it_says_how(self) -> Self:
        for name in ("read_only", "standby"):
            if getattr(self, name) and self.follow is None:
                raise ValueError(f"{name} is of a server that follows: say which store, by follow")
        if self.read_only and self.standby:
            raise ValueError(
                "a server that may come to lead cannot be read_only: leave one of standby and read_only out"
            )
        return self

    @property
    def place(self) -> str:
        """Return the store, whoever leads there."""
        return self.store if self.follow is None else self.follow

    @property
    def callable_hosts(self) -> frozenset[str]:
        """Return the hosts of servers that this one may be told to call."""
        return LOOPBACK | {each.lower() for each in self.peers}

    @property
    def has_keys(self) -> bool:
        return self.api_key is not None or self.keys_file is not None


class LimitSettings(BaseModel):
    """How much, how many and how long, of what clients send."""

    model_config = ConfigDict(title="Limits", frozen=True)

    max_connections: int = Field(2000, ge=1, description="connections of any kind at once")
    max_streams: int = Field(1000, ge=1, description="WebSockets at once, half of them of one key")
    max_uploads: int = Field(4, ge=1, description="uploads of data sets at once, half of them of one key")

    max_body_bytes: int = Field(8 * 2**20, ge=1, description="bytes of a request's body, but for data sets")
    ws_max_bytes: int = Field(2**20, ge=1, description="bytes of a WebSocket message")
    max_ticks_per_request: int = Field(65_536, ge=1, description="tokens or frames of one input; inbox-ticks at most")
    max_rows_per_request: int = Field(10_000, ge=1, le=65_536, description="rows of a stream in one request")
    max_prompt_tokens: int = Field(4096, ge=1, description="tokens of a prompt")
    max_tokens: int = Field(4096, ge=1, description="tokens of a generation")

    nets: int = Field(
        10_000, ge=0, description="nets beside the one named default (POST /v1/nets): one more is refused"
    )
    nets_hot: int = Field(
        64, ge=1, description="of them in memory at once: those used longest ago are closed, and come back when used"
    )
    nets_hot_bytes: int = Field(2**30, ge=1, description="bytes of them in memory, as nets-hot")
    nets_wait: float = Field(10.0, gt=0, le=60, description="seconds that a request waits for a net to be woken")

    header_seconds: float = Field(10.0, gt=0, description="seconds for the head of a request")
    body_seconds: float = Field(
        30.0, gt=0, description="seconds for a request's body, and one more for each 16 KiB of it"
    )
    ws_idle_seconds: float = Field(3600.0, ge=0, description="seconds until a silent WebSocket is closed; 0 is never")
    ws_stall_seconds: float = Field(
        300.0, gt=0, le=3600, description="seconds until a reader that reads nothing is cut"
    )
    ws_window: int = Field(256, ge=1, description="messages of one WebSocket that are answered at once")
    ws_window_ticks: int = Field(
        16_384, ge=1, description="tokens or frames of one WebSocket that are answered at once, or one message"
    )


class ClusterSettings(BaseModel):
    """The processes of a cluster, in which Ray starts and places them."""

    model_config = ConfigDict(title="The cluster", frozen=True)

    cluster_shards: int = Field(
        8, ge=1, le=4096, description="processes that all nets are divided among; the same on all machines"
    )
    cluster_cpus: float = Field(
        0.25, ge=0, description="CPUs that Ray reckons for each: where they are not free none is placed"
    )
    cluster_memory: int = Field(2**28, ge=0, description="bytes of memory that Ray reckons for each")
    cluster_gpus: float = Field(
        0,
        ge=0,
        description="GPUs that Ray reckons for each, a part of one or a whole number; with 0 shards see none",
    )

    @model_validator(mode="after")
    def _has_whole_gpus(self) -> Self:
        if self.cluster_gpus > 1 and self.cluster_gpus % 1:
            raise ValueError("cluster_gpus is a part of one GPU, or a whole number of them")
        return self


GROUPS: tuple[type[BaseModel], ...] = (ServerSettings, NetSettings, LimitSettings)


class Settings(NetSettings, ServerSettings, LimitSettings, ClusterSettings, BaseSettings):
    """All of them. Each field is also an environment variable: `REALNET_PORT`, `REALNET_STORE` …"""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="after")
    def _has_room_for_a_request(self) -> Self:
        if self.max_ticks_per_request > self.inbox_ticks:
            raise ValueError("max_ticks_per_request is more than inbox_ticks: such a request would never be taken")
        return self

    @model_validator(mode="after")
    def _has_something_to_follow(self) -> Self:
        if self.follow is not None and self.journal == "off":
            raise ValueError("a server that follows lives by the journal: leave journal off out")
        if self.follow is not None and self.device == "auto":
            raise ValueError(
                "a server that follows computes as its leader does, or it would not have the same bits: name the "
                "leader's device instead of auto"
            )
        return self


def default_store() -> str:
    """Return the store of whoever names none: always the user's own, so that no net seems forgotten elsewhere.

    Earlier versions kept it in `data` of the working directory; where one is, it stays the one.
    """
    if any(Path("data", "default", part).is_dir() for part in ("journal", "snapshots")):
        return "file:data"
    return user_data_path("realnet", appauthor=False).absolute().as_uri()


def check_variables(names: Iterable[str] = os.environ) -> None:
    """Raise ValueError for variables that look like settings and are none: most likely one is misspelt."""
    known = {variable_of(field) for field in Settings.model_fields}
    wrong = [name for name in names if name.upper().startswith(PREFIX) and name.upper() not in known | _OF_OTHERS]
    if wrong:
        told = ", ".join(f"{name}{_meant_by(name)}" for name in sorted(wrong)[:_TOLD])
        raise ValueError(f"no such setting: {told}; `realnet serve --help` has all of them")


def variable_of(field: str) -> str:
    return f"{PREFIX}{field.upper()}"


def _meant_by(name: str) -> str:
    near = get_close_matches(name[len(PREFIX) :].lower(), Settings.model_fields, n=1, cutoff=0.7)
    return "".join(f" (is {variable_of(field)} meant?)" for field in near)
