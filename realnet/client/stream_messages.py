"""What a stream tells: outputs, acks, and events of the net."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from realnet.client.models import Net
from realnet.client.outputs import Outputs


class Ack(msgspec.Struct, frozen=True):
    """The last `count` inputs up to `seq` are durable and learnt, in the ticks `first_tick` to `tick` (0: unknown)."""

    seq: int
    tick: int = 0
    first_tick: int = 0
    count: int = 1


class Event(msgspec.Struct, frozen=True):
    """Something happened to the net: `mode`, `snapshot`, `job`, or `dropped`: so many outputs were lost on the way."""

    name: str
    count: int = 0
    mode: str | None = None
    snapshot: dict[str, Any] | None = None
    job: dict[str, Any] | None = None


@dataclass(slots=True, frozen=True)
class Opened:
    """There is a connection, perhaps a new one after a break; `net` is as it is now."""

    net: Net


StreamMessage: TypeAlias = Outputs | Ack | Event | Opened
