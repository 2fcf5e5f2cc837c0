"""Compare the net with what it was, and with what it lived: by frozen forks of copies, beside the engine."""

import asyncio

import numpy as np
from numpy.typing import NDArray

from realnet import Checkpoint, from_checkpoint
from realnet.core.state import Float64
from realnet.inputs import Input
from realnet.tokens.outputs import TokenOutputs
from service.engine.clones import clone
from service.engine.engine import Engine
from service.errors import Conflict
from service.replica.birth import Descent
from service.replica.chronicle import BITS, TOKENS, Chronicle, ChronicleState, recent
from service.replica.episode import Episode, run_episodes
from service.replica.experience import Experience
from service.replica.rebasing import parent_of
from service.replica.replica import ServiceState
from service.snapshots.catalog import SnapshotCatalog
from service.snapshots.revive import state_of
from service.snapshots.snapshot import Snapshot
from service.watch.about import Changed, ChangedLabel, Judged, Remembered, StillKnown

_STRETCHES, _TOKENS, _LEAD = 16, 256, 64  # that are heard, the tokens of each, and those that lead up to them


class Comparison:
    """One is made at a time: each takes a copy of the net."""

    def __init__(self, engine: Engine, catalog: SnapshotCatalog) -> None:
        self._engine = engine
        self._catalog = catalog
        self._one = asyncio.Lock()

    async def remembered(self) -> Remembered | None:
        """Return what the net makes of both halves of what it lived; None if too little is kept. Raises Conflict."""
        self._check_has_tokens()
        descent = self._catalog.descent
        async with self._one:
            checkpoint, state = await clone(self._engine)

            def judged() -> Remembered | None:
                tokens = Experience.of(state.experience).tokens()
                half = len(tokens) // 2
                if half < 2:
                    return None
                halves = tokens[:half], tokens[half:]
                older, newer = (_judged(checkpoint, _stretches(each), descent) for each in halves)
                return Remembered(older=older, newer=newer)

            return await asyncio.to_thread(judged)

    async def changed(self, id: str) -> Changed:
        """Return what has changed since a snapshot. Raises NotFound, SnapshotDamaged, StoreError or Conflict."""
        self._check_has_tokens()
        async with self._one:
            snapshot = await self._catalog.get(id)
            before = state_of(snapshot, await self._catalog.memory(id))
            if before is None or before.chronicle is None:
                raise Conflict(f"what the net of snapshot {id} had lived is not known")
            data = await self._catalog.read(id)
            checkpoint, now = await clone(self._engine)
            assert now.chronicle is not None
            if now.chronicle.tokens < before.chronicle.tokens:
                raise Conflict(f"the net was restored to what it was before snapshot {id}")
            still = await asyncio.to_thread(lambda: _still(data, before, checkpoint, self._catalog.descent))
        return _changed(snapshot, before.chronicle, now.chronicle, still)

    def _check_has_tokens(self) -> None:
        if self._engine.interface.vocabulary is None:
            raise Conflict("a net of raw frames tells of no tokens that it knows")


def _still(data: bytes, before: ServiceState, now: Checkpoint, descent: Descent | None) -> StillKnown | None:
    heard = _stretches(Experience.of(before.experience).tokens())
    if not heard:
        return None
    then, since = _judged(Checkpoint.from_bytes(data), heard, descent), _judged(now, heard, descent)
    return StillKnown(tokens=then.tokens, then=then.bits, now=since.bits)


def _stretches(tokens: NDArray[np.int32]) -> list[Episode]:
    """Return stretches of what was lived, as far from each other as there is room; the same for the same tokens."""
    length = min(_TOKENS, len(tokens))
    if length < 2:
        return []
    starts = np.linspace(0, len(tokens) - length, min(_STRETCHES, len(tokens) // length)).astype(int).tolist()
    leads = [min(_LEAD, start) for start in starts]
    return [
        Episode(Input(tokens=tokens[start - lead : start + length]), lead)
        for start, lead in zip(starts, leads, strict=True)
    ]


def _judged(checkpoint: Checkpoint, heard: list[Episode], descent: Descent | None) -> Judged:
    parent = parent_of(checkpoint, descent)
    said = run_episodes(from_checkpoint(checkpoint, parent=parent).fork(), heard, 0.0, outputs="surprise")
    assert isinstance(said, TokenOutputs)
    assert said.surprise is not None
    return Judged(tokens=len(said), bits=float(said.surprise.mean(dtype=np.float64)))


def _changed(snapshot: Snapshot, before: ChronicleState, now: ChronicleState, still: StillKnown | None) -> Changed:
    then, since = Chronicle(None, before), Chronicle(None, now)
    bits_then, bits_now = (sum(row[BITS] for row in [*each.tallies.values(), each.others]) for each in (then, since))
    tokens = since.tokens - then.tokens
    labels = []
    for label, row in since.tallies.items():
        was = then.tallies.get(label)
        count = int(row[TOKENS] - (0 if was is None else was[TOKENS]))
        if count > 0:
            labels.append(
                ChangedLabel(
                    label=label,
                    tokens=count,
                    then=None if was is None else _recent_bits(was),
                    now=_recent_bits(row),
                )
            )
    return Changed(
        snapshot=snapshot.id,
        tick=snapshot.tick,
        created_at=snapshot.created_at,
        tokens=tokens,
        bits_before=bits_then / then.tokens if then.tokens else None,
        bits_since=(bits_now - bits_then) / tokens if tokens else None,
        labels=sorted(labels, key=lambda each: -each.tokens),
        still=still,
    )


def _recent_bits(tally: Float64) -> float:
    late = recent(tally)
    return float(late[BITS] / late[TOKENS])
