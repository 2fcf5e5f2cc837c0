"""Every number and address of the server; nobody else reads the environment."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from service.auth.keys import MIN_LENGTH, is_fit

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Settings(BaseSettings):
    """Each field is also an environment variable: `REALNET_PORT`, `REALNET_STORE` …"""

    model_config = SettingsConfigDict(env_prefix="REALNET_", frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = Field(8420, ge=0, le=65535, description="0 takes a free one")
    insecure: bool = Field(False, description="serve on addresses other than loopback without keys, to anybody")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "text"] = Field("auto", description="auto: JSON, but text on a terminal")

    api_key: SecretStr | None = Field(None, description="a key that allows everything")
    keys_file: Path | None = Field(None, description="a file of keys, as `realnet key create` writes it")
    rate_requests: float = Field(1000.0, ge=0, description="a second for each key; 0 is no limit")
    rate_ticks: float = Field(100_000.0, ge=0, description="tokens or frames a second for each key; 0 is no limit")
    origins: tuple[str, ...] = Field((), description="other sites whose pages may use the net, as https://example.org")

    store: str = Field("file:data", description="file:///absolute/dir, file:relative/dir or redis://host:port/db")
    snapshot_every: float = Field(300.0, ge=0, description="seconds; 0 is never")
    snapshots_kept: int = Field(5, ge=1, description="of those that nobody asked to keep, the newest")
    max_kept_snapshots: int = Field(100, ge=1, description="that users keep; no more are taken then, none is deleted")
    journal: Literal["always", "everysec", "never", "off"] = Field(
        "everysec", description="when what is learnt is on the disk: before it is learnt, within a second, some time"
    )

    preset: Literal["surprise", "manifesto", "literal"] = "surprise"
    neurons: int | None = Field(None, ge=1, description="the preset's own number if not given")
    seed: int = Field(0, ge=0)
    device: str = "cpu"
    inputs: int | None = Field(None, ge=1, description="with `outputs`: a net of raw frames instead of tokens")
    outputs: int | None = Field(None, ge=1)

    tick_hz: float = Field(10.0, ge=0.001, le=1000, description="pace of ticks without input")
    rest_after: int = Field(0, ge=0, description="ticks computed without input before the net rests")
    free_run: bool = Field(False, description="never rest")
    idle_learning: bool = Field(False, description="learn in ticks without input, too")

    sleep_after: float = Field(0.0, ge=0, description="seconds without input, and then it sleeps; 0 is never")

    inbox_ticks: int = Field(65_536, ge=1, description="tokens or frames that may wait for the engine")
    outputs_kept: int = Field(65_536, ge=1)
    max_body_bytes: int = Field(8 * 2**20, ge=1)
    max_dataset_bytes: int = Field(2**30, ge=1, description="of an upload, and of what is unpacked from it")
    max_uploads: int = Field(4, ge=1, description="of data sets, at once")
    datasets_kept: int = Field(100, ge=1, description="no more are taken then, none is deleted")
    ws_max_bytes: int = Field(2**20, ge=1, description="of a WebSocket message")
    max_streams: int = Field(1000, ge=1, description="WebSockets at once")
    max_connections: int = Field(2000, ge=1, description="of any kind, at once")
    header_seconds: float = Field(10.0, gt=0, description="for the head of a request")
    body_seconds: float = Field(30.0, gt=0, description="for a body, and a second more for each 16 KiB that came")
    ws_idle_seconds: float = Field(3600.0, ge=0, description="a stream on which nothing goes is closed; 0 is never")
    ws_window: int = Field(256, ge=1, description="messages of one client that are answered at once")
    ws_stall_seconds: float = Field(300.0, gt=0, le=3600, description="a reader that reads nothing for longer is cut")
    max_ticks_per_request: int = Field(65_536, ge=1)
    max_prompt_tokens: int = Field(4096, ge=1)
    max_tokens: int = Field(4096, ge=1, description="of one generation")
    max_generations: int = Field(8, ge=1, description="at once")

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if (self.inputs is None) != (self.outputs is None):
            raise ValueError("inputs and outputs are given both or not at all")
        if self.max_ticks_per_request > self.inbox_ticks:
            raise ValueError("max_ticks_per_request is more than inbox_ticks: such a request would never be taken")
        if self.api_key is not None and not is_fit(self.api_key.get_secret_value()):
            raise ValueError(f"api_key is not {MIN_LENGTH} to 256 visible ASCII signs, as `openssl rand -hex 32` gives")
        if self.host not in LOOPBACK and not self.insecure and not self.has_keys:
            raise ValueError(
                "host is not a loopback address, so that anybody could reach the net: set REALNET_API_KEY or "
                "REALNET_KEYS_FILE, or say insecure if you mean it"
            )
        return self

    @property
    def has_keys(self) -> bool:
        return self.api_key is not None or self.keys_file is not None
