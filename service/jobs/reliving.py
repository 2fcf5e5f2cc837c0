"""Fetch the life of another server's net, and have it lived through again in a process of its own."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from service.aio import in_thread
from service.errors import Conflict, Invalid, PeerFailed
from service.jobs.other_server import OtherServer
from service.jobs.process import JOURNAL, OPTIONS, run_process
from service.journal.position import JournalPosition
from service.snapshots.snapshot import Snapshot

Report: TypeAlias = Callable[..., Awaitable[None]]


class Reliving:
    """A life up to the snapshot `end` of another server, relived with what is in a directory."""

    def __init__(self, other: OtherServer, end: Snapshot, directory: Path, device: str, largest: int) -> None:
        self._other = other
        self._end = end
        self._directory = directory
        self._device = device
        self._largest = largest

    async def run(self, report: Report) -> dict[str, Any]:
        """Leave the net in the directory, and return the figures. Raises PeerFailed, Conflict, JobFailed, StoreError.

        `report` is told the progress, and figures.
        """
        state = await self._other.state(self._end.id)
        if state is None or state.place is None:
            raise Conflict(f"{self._other.url} keeps no journal that could be relived: take its snapshot over")
        await report(0.05, phase="fetching")
        await self._other.download("/journal", self._directory / JOURNAL)

        async def share(figures: dict[str, Any]) -> None:
            await report(0.2 + 0.7 * figures.pop("progress"), **figures)

        try:
            life = await run_process("look", self._directory, share)
            begin, snapshot = await self._begin(life, state.place)
            needed = {id for seq, id in life["needs"] if begin.seq < seq <= state.place.seq}
            for id in needed | ({snapshot} if snapshot is not None else set()):
                await self._fetch(id)
            plan = {
                "snapshot": snapshot,
                "begin": msgspec.to_builtins(begin),
                "end": msgspec.to_builtins(state.place),
                "tick": self._end.tick,
                "device": self._device,
            }
            await in_thread(lambda: (self._directory / OPTIONS).write_text(json.dumps(plan)))
            await report(0.2, phase="reliving")
            return await run_process("relive", self._directory, share)
        except Invalid as error:
            raise PeerFailed(f"the life of {self._other.url} cannot be relived: {error.places[0].detail}") from error

    async def _begin(self, life: dict[str, Any], end: JournalPosition) -> tuple[JournalPosition, str | None]:
        """Return the oldest place in the journal from which all is still there, and its snapshot: None is a birth."""
        known = await self._other.snapshots()
        ids = {each.id for each in known}
        gone = (seq for seq, id in life["needs"] if seq <= end.seq and id not in ids)
        least = max([life["broken"], *gone])
        if life["is_birth"] and least <= life["first"]:
            return JournalPosition(life["first"]), None
        begin, snapshot = end, self._end.id
        for each in reversed(known):
            if each.id >= self._end.id or each.job is not None:
                continue
            if each.id == life["origin"]:
                place: JournalPosition | None = JournalPosition(life["first"])
            else:
                state = await self._other.state(each.id)
                place = None if state is None else state.place
            if place is None or place.seq < max(least, life["first"] - 1):
                break
            begin, snapshot = place, each.id
        return begin, snapshot

    async def _fetch(self, id: str) -> None:
        await self._other.download(f"/snapshots/{id}/data", self._directory / f"{id}.safetensors", self._largest)
        memory = await self._other.memory(id)
        await in_thread(lambda: (self._directory / f"{id}.memory").write_bytes(memory))
