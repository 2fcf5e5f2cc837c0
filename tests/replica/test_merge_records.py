"""Merged lines that come home: beside what was learnt meanwhile, again after a crash, and to no other net."""

from pathlib import Path

import pytest

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.merge import NOTHING, merged, share_of, with_since
from service.engine.commands import Merge
from service.errors import Conflict
from service.jobs.homecoming import ref_of
from service.journal.records import SnapshotRef
from service.replica.weight_update import lines_of, lines_update_of
from service.snapshots.snapshot import Snapshot
from tests.replica.test_adoption import JOB
from tests.replica.test_dendrite_adoption import BORN, PARTS, SETTINGS, run
from tests.runtime.life import Life, living, replayed

pytestmark = pytest.mark.anyio


async def merge(life: Life, own: Snapshot) -> Snapshot:
    """Save a net that has the lines of this one's snapshot and of another that has lived something else."""
    learner = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(await life.catalog.read(own.id)))
    other = DendriteLearner.create("fast", max_lines=2**14)
    other.run(PARTS[3], outputs="none")
    shares = [share_of("own", learner.net, NOTHING), share_of("other", other.net, NOTHING)]
    learner.net.take_lines(merged(NOTHING, shares))
    return await life.catalog.save(learner.checkpoint().to_bytes(), own.tick, "", job=JOB)


async def homecoming(life: Life, made: Snapshot, own: Snapshot, ancestor: SnapshotRef | None) -> Merge:
    update = lines_update_of(await life.catalog.read(made.id), await life.catalog.read(own.id))
    return Merge(update, JOB, ref_of(made), ref_of(own), ancestor)


async def test_they_come_home_again_after_a_crash(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/store"
    async with living(url, **SETTINGS) as life:
        await run(life, PARTS[0])
        own = await life.snapshotter.save()
        made = await merge(life, own)
        await run(life, PARTS[1])
        await life.engine.ask(await homecoming(life, made, own, None))
        assert life.engine.progress.ancestor == ref_of(made)
        state, weights = await life.state(), (await life.snapshotter.hashes())[0]
        lines, before = [lines_of(await life.catalog.read(each.id)) for each in (made, own)]
    alone = DendriteLearner.create("fast", max_lines=2**14)
    for part in PARTS[:2]:
        alone.run(part, outputs="none")
    alone.net.take_lines(with_since(lines, before, alone.net.memory.lines))
    assert weights == alone.checkpoint().weights_sha256()
    replica = await replayed(url, BORN)
    assert replica.learner.checkpoint().state_sha256() == state
    assert (replica.progress.jobs, replica.progress.ancestor) == ({JOB: 1}, ref_of(made))


async def test_a_net_that_is_another_by_then_is_left_as_it_is(tmp_path: Path) -> None:
    async with living(f"file://{tmp_path}/store", **SETTINGS) as life:
        await run(life, PARTS[0])
        own = await life.snapshotter.save()
        made = await merge(life, own)
        command = await homecoming(life, made, own, None)
        await life.snapshotter.restore(own.id, "cpu")
        before = await life.state()
        with pytest.raises(Conflict, match="restored, resized or merged meanwhile"):
            await life.snapshotter.update(command)
        assert await life.state() == before
        assert life.engine.progress.ancestor == ref_of(own)
        await life.snapshotter.update(await homecoming(life, made, own, ref_of(own)))
        assert life.engine.progress.ancestor == ref_of(made)
