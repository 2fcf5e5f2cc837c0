"""What the net has learnt from whom: by name and number over WebSocket, by key over REST. Kept in every snapshot."""

import time
from collections import OrderedDict
from dataclasses import dataclass

import msgspec

from service.journal.position import JournalPosition
from service.journal.records import EpisodeRecord, InputRecord, WeightUpdateRecord
from service.replica.experience import Experience

_CLIENTS = 10_000  # those who taught longest ago are forgotten
_KEYS = 10_000
_JOBS = 1000
SLEEP_RATIO = 4  # ticks slept on for each that was learnt from
_MOST_OWED = 2**23
KEY_SECONDS = 24 * 3600.0


class Learnt(msgspec.Struct, frozen=True, array_like=True):
    """By an Idempotency-Key, of a body with this digest."""

    digest: str
    first_tick: int
    last_tick: int
    at: float  # seconds since 1970


class ServiceState(msgspec.Struct, frozen=True):
    """What a snapshot keeps of the service, beside the net. No place: it was taken without a journal."""

    place: JournalPosition | None
    plasticity: bool
    clients: dict[str, tuple[int, int]]
    keys: dict[str, Learnt]
    jobs: dict[str, int] = {}
    experience: tuple[bytes, int, int] = (b"", 0, 0)
    owed: int = 0
    paused: bool = False

    def to_bytes(self) -> bytes:
        return msgspec.msgpack.encode(self)

    @classmethod
    def from_bytes(cls, data: bytes) -> "ServiceState":
        """Raises ValueError."""
        return msgspec.msgpack.decode(data, type=cls)


@dataclass(slots=True)
class Progress:
    """The engine's thread writes, the loop reads. The order of each is that of the last change."""

    clients: "OrderedDict[str, tuple[int, int]]"  # last seq and its last tick
    keys: "OrderedDict[str, Learnt]"
    jobs: "OrderedDict[str, int]"  # how far each is
    experience: Experience
    owed: int = 0  # ticks of sleep

    @classmethod
    def of(cls, memory: ServiceState | None) -> "Progress":
        if memory is None:
            return cls(OrderedDict(), OrderedDict(), OrderedDict(), Experience())
        experience = Experience.of(memory.experience)
        clients, keys = OrderedDict(memory.clients), OrderedDict(memory.keys)
        return cls(clients, keys, OrderedDict(memory.jobs), experience, memory.owed)

    def note(self, record: InputRecord | EpisodeRecord | WeightUpdateRecord, last_tick: int) -> None:
        """It has been learnt."""
        if not isinstance(record, InputRecord):
            self.jobs[record.job] = 1 if isinstance(record, WeightUpdateRecord) else record.done
            self.jobs.move_to_end(record.job)
            if len(self.jobs) > _JOBS:
                self.jobs.popitem(last=False)
            if isinstance(record, EpisodeRecord) and record.asleep:
                self.owed = max(0, self.owed - record.ticks)
            return
        if record.rate > 0:
            self.experience.add(record)
            self.owed = min(_MOST_OWED, self.owed + SLEEP_RATIO * record.ticks)
        if record.client is not None:
            self.clients[record.client] = record.client_seq, last_tick
            self.clients.move_to_end(record.client)
            if len(self.clients) > _CLIENTS:
                self.clients.popitem(last=False)
        if record.key is not None:
            self.keys[record.key] = Learnt(record.digest, last_tick - record.ticks + 1, last_tick, record.at)
            self.keys.move_to_end(record.key)
            if len(self.keys) > _KEYS:
                self.keys.popitem(last=False)

    def by_key(self, key: str) -> Learnt | None:
        learnt = self.keys.get(key)
        return learnt if learnt is not None and time.time() - learnt.at < KEY_SECONDS else None

    def state(self, place: JournalPosition | None, plasticity: bool, paused: bool) -> ServiceState:
        clients, keys, jobs = dict(self.clients), dict(self.keys), dict(self.jobs)
        return ServiceState(place, plasticity, clients, keys, jobs, self.experience.kept(), self.owed, paused)
