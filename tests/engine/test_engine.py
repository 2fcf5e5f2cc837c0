"""The engine's thread beside the library run alone, with a small net; and what it does when something breaks."""

import asyncio
import itertools
import threading
from collections.abc import Awaitable
from typing import cast

import numpy as np
import pytest
from numpy.typing import ArrayLike

from realnet import FrameLearner, FrameOutputs, TokenLearner, TokenOutputs
from realnet.inputs import Input
from realnet.outputs import Level
from service.api.encoding import structs
from service.engine.clones import Clone, clone
from service.engine.commands import Change, Restore, Run
from service.engine.generate import Generate, Piece
from service.engine.pace import Mode
from service.errors import Conflict, EngineStopped
from service.journal.records import SnapshotRef
from tests.engine.running_engine import TOKENS, Lived, living, small, until

pytestmark = pytest.mark.anyio

REF = SnapshotRef("00000001", "")


class Gated(TokenLearner):
    """Its `run` waits for the gate, counts its calls, and breaks if told to."""

    entered: threading.Event
    gate: threading.Event
    calls: list[int]
    broken: bool

    def run(
        self,
        tokens: ArrayLike,
        plasticity: float = 1.0,
        learning_rate: float | None = None,
        outputs: Level = "full",
    ) -> TokenOutputs:
        self.entered.set()
        assert self.gate.wait(30.0)
        self.calls.append(len(np.asarray(tokens)))
        if self.broken:
            raise RuntimeError("broken for a test")
        return super().run(tokens, plasticity, learning_rate, outputs)


def gated() -> Gated:
    learner = Gated.create(num_neurons=1000, seed=3)
    assert isinstance(learner, Gated)
    learner.entered, learner.gate = threading.Event(), threading.Event()
    learner.calls, learner.broken = [], False
    return learner


async def started(learner: Gated) -> None:
    await asyncio.to_thread(learner.entered.wait, 10.0)


async def test_messages_of_any_size_are_one_stream() -> None:
    alone = small()
    expected = structs(alone.run(TOKENS))
    async with living(small()) as lived:
        cuts = [0, 1, 2, 3, 40, 41, 1500, 2000]
        runs = [Run(Input(tokens=TOKENS[a:b]), outputs="full") for a, b in itertools.pairwise(cuts)]
        for run in runs:
            lived.inbox.put(run)
        replies = [await run.reply for run in runs]
        assert [(reply.first_tick, reply.last_tick) for reply in replies] == [
            (a + 1, b) for a, b in itertools.pairwise(cuts)
        ]
        assert [each for reply in replies for batch in reply.outputs for each in structs(batch)] == expected
        read = lived.outputs.read(0, 5000)[0]
        assert read is not None
        assert structs(read) == expected
        assert await lived.state() == alone.checkpoint().state_sha256()
        status = lived.engine.status
        assert (status.tick, status.tokens_seen, lived.inbox.depth) == (2000, 2000, 0)
        assert (status.accuracy, status.surprise) == (alone.score.accuracy, alone.score.surprise)


async def test_messages_that_wait_are_run_together() -> None:
    learner = gated()
    async with living(learner) as lived:
        runs = [Run(Input(tokens=TOKENS[i : i + 1]), learn=i < 30) for i in range(50)]
        lived.inbox.put(runs[0])
        await started(learner)
        for run in runs[1:]:
            lived.inbox.put(run)
        learner.gate.set()
        assert [(await run.reply).last_tick for run in runs] == list(range(1, 51))
        assert len(learner.calls) < 10
        assert 30 in itertools.accumulate(learner.calls)  # learnt or not, never both in one call


async def test_a_large_message_lets_others_in_between() -> None:
    learner = gated()
    async with living(learner) as lived:
        large = Run(Input(tokens=np.tile(TOKENS, 5)))
        lived.inbox.put(large)
        await started(learner)
        copy, generate = Clone(), Generate(TOKENS[:5], max_tokens=3, temperature=0.0, seed=0)
        lived.inbox.put(copy)
        lived.inbox.put(generate)
        learner.gate.set()
        assert 0 < (await copy.reply)[0]().tick < 10_000
        assert 0 < (await generate.reply).tick < 10_000
        ran = await large.reply
        assert (ran.first_tick, ran.last_tick) == (1, 10_000)
        assert max(learner.calls) <= 1024


async def test_learning_can_be_left_out_of_a_message_and_turned_off() -> None:
    async with living(small()) as lived:
        await lived.run(tokens=TOKENS[:100])
        before = await lived.weights()
        await lived.run(tokens=TOKENS[100:200], learn=False)
        assert await lived.weights() == before
        await lived.engine.ask(Change(plasticity=False))
        await lived.run(tokens=TOKENS[200:300])
        assert await lived.weights() == before
        await lived.engine.ask(Change(plasticity=True, learning_rate=0.5))
        await lived.run(tokens=TOKENS[200:300])
        assert await lived.weights() != before
        assert lived.engine.status.learning_rate == 0.5


async def test_a_paused_net_accepts_and_runs_it_later() -> None:
    async with living(small()) as lived:
        await lived.engine.ask(Change(paused=True))
        run = Run(Input(tokens=TOKENS[:10]))
        lived.inbox.put(run)
        assert (await clone(lived.engine))[0].tick == 0
        assert len((await lived.engine.ask(Generate(TOKENS[:2], 2, 0.0, 0))).tokens) == 2
        assert (lived.engine.status.mode, lived.inbox.depth, run.reply.done()) == (Mode.PAUSED, 10, False)
        await lived.engine.ask(Change(paused=False))
        assert (await run.reply).last_tick == 10


async def test_generation_is_the_librarys_and_leaves_the_net_alone() -> None:
    alone = small()
    alone.run(TOKENS[:500])
    generator = alone.generator(TOKENS[:5], 0.7, 9)
    expected = [token for _ in range(20) for token in generator.step(4)][:30]
    async with living(small()) as lived:
        await lived.run(tokens=TOKENS[:500])
        before = await lived.state()
        stream: asyncio.Queue[Piece | None] = asyncio.Queue()
        generated = await lived.engine.ask(Generate(TOKENS[:5], 30, 0.7, 9, stream))
        assert (generated.tokens, generated.tick, generated.finish_reason) == (expected, 500, "length")
        pieces = [stream.get_nowait() for _ in range(stream.qsize())]
        assert [token for piece in pieces if piece for token in piece.tokens] == expected
        assert await lived.state() == before


async def test_a_cancelled_generation_ends_early() -> None:
    async with living(small()) as lived:
        stream: asyncio.Queue[Piece | None] = asyncio.Queue()
        command = Generate(TOKENS[:5], 1_000_000, 1.0, 0, stream)
        lived.inbox.put(command)
        await stream.get()
        command.cancelled = True
        assert len((await command.reply).tokens) < 100_000
        await until(lambda: lived.engine.status.generations == 0)


async def test_a_restore_takes_the_net_back() -> None:
    async with living(small()) as lived:
        await lived.run(tokens=TOKENS[:500])
        checkpoint, _ = await clone(lived.engine)
        first = [said for each in (await lived.run(tokens=TOKENS[500:900])).outputs for said in structs(each)]
        assert await lived.engine.ask(Restore(TokenLearner.from_checkpoint(checkpoint), REF)) == 500
        assert lived.engine.status.tick == 500
        assert lived.outputs.read(0, 5000)[0] is None
        again = [said for each in (await lived.run(tokens=TOKENS[500:900])).outputs for said in structs(each)]
        assert again == first


async def test_a_restore_waits_for_what_was_asked_before_it_and_comes_before_what_was_asked_after() -> None:
    learner = gated()
    async with living(learner) as lived:
        before, after = Run(Input(tokens=TOKENS)), Run(Input(tokens=TOKENS[:10]))
        lived.inbox.put(before)
        await started(learner)
        restore = Restore(small(), REF)
        lived.inbox.put(restore)
        learner.gate.set()
        assert await restore.reply == 0
        assert (await before.reply).last_tick == len(TOKENS)
        lived.inbox.put(after)
        assert (await after.reply).last_tick == 10
        await until(lambda: lived.inbox.depth == 0)


async def test_frames_with_and_without_teachers_are_joined() -> None:
    random = np.random.default_rng(0)
    frames = random.random((30, 3)).astype(np.float32)
    teachers = random.random((30, 2)).astype(np.float32)
    teachers[10:20] = np.nan
    alone = FrameLearner.create(3, 2, seed=1)
    expected = alone.run(frames, teachers)
    async with living(FrameLearner.create(3, 2, seed=1)) as lived:
        runs = [
            Run(Input(frames=frames[a : a + 10], teachers=None if a == 10 else teachers[a : a + 10]))
            for a in (0, 10, 20)
        ]
        for run in runs:
            lived.inbox.put(run)
        batches = [batch for run in runs for batch in (await run.reply).outputs]
        values = FrameOutputs.joined(cast("list[FrameOutputs]", batches)).values
        assert np.array_equal(values, expected.values)
        assert await lived.state() == alone.checkpoint().state_sha256()
        with pytest.raises(Conflict):
            await lived.engine.ask(Generate(TOKENS[:1], 1, 0.0, 0))


async def test_an_engine_that_dies_says_so_to_everybody() -> None:
    learner = gated()
    async with living(learner) as lived:
        assert lived.engine.alive
        learner.broken = True
        asked: list[Awaitable[object]] = []
        first = Run(Input(tokens=TOKENS[:10]))
        lived.inbox.put(first)
        await started(learner)
        for command in (Run(Input(tokens=TOKENS[:5])), Generate(TOKENS[:1], 5, 0.0, 0), Clone()):
            lived.inbox.put(command)
            asked.append(command.reply)
        learner.gate.set()
        for reply in (first.reply, *asked):
            with pytest.raises(EngineStopped, match="died"):
                await reply
        assert not lived.engine.alive
        with pytest.raises(EngineStopped, match="died"):
            await lived.run(tokens=TOKENS[:1])
        assert lived.engine.status.mode is Mode.AWAKE


async def test_a_stalled_step_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.engine.engine._STALLED_SECONDS", 0.5)
    learner = gated()
    async with living(learner) as lived:
        run = Run(Input(tokens=TOKENS[:10]))
        lived.inbox.put(run)
        await until(lambda: not lived.engine.alive)
        learner.gate.set()
        await run.reply
        await until(lambda: lived.engine.alive)


async def test_a_stopped_engine_refuses_what_was_left() -> None:
    lived = Lived(small())
    lived.engine.start()
    await lived.engine.ask(Change(paused=True))
    run = Run(Input(tokens=TOKENS[:10]))
    lived.inbox.put(run)
    await lived.engine.stop()
    with pytest.raises(EngineStopped, match="stops"):
        await run.reply
    with pytest.raises(EngineStopped):
        await lived.weights()
    assert not lived.engine.alive
