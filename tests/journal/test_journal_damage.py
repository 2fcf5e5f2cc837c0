"""Journals that were cut short or damaged: a start recovers to a state that was lived through, or names the damage."""

import logging
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from redis import Redis

from service.journal.codec import JournalDamaged, encode_record
from service.journal.records import InputRecord, NoteRecord
from service.journal.scan import scan
from service.runtime.recovery import recover
from service.snapshots.snapshot import SnapshotDamaged
from service.store import open_log, open_store
from service.store.base import Block
from tests.redis_server import RedisServer
from tests.runtime.life import BIRTH, born, given, last_of, living, replayed

pytestmark = pytest.mark.anyio

RUNS = 12
FLIPS = 200


def lived_through() -> list[str]:
    """The states before and after each run."""
    learner = born(BIRTH)
    states = [learner.checkpoint().state_sha256()]
    for number in range(RUNS):
        learner.run_input(given(number))
        states.append(learner.checkpoint().state_sha256())
    return states


async def live(url: str) -> None:
    """Three starts, a snapshot in the second."""
    for begin in (0, 4, 8):
        async with living(url) as life:
            for number in range(begin, begin + 4):
                await life.run(number, client="a")
            if begin == 4:
                await life.snapshotter.save()


async def state_after_start(url: str) -> str:
    replica = await replayed(url)
    runs = replica.learner.net.tick // 3
    assert (last_of(replica.progress, "a") or (-1, 0)) == (runs - 1, 3 * runs)  # nobody is told that more is durable
    return replica.learner.checkpoint().state_sha256()


@pytest.fixture
async def directory(tmp_path: Path) -> Path:
    await live(f"file://{tmp_path}/whole")
    return tmp_path / "whole"


async def test_the_last_record_cut_at_any_byte(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    states = lived_through()
    last = max((directory / "default" / "journal").iterdir())
    whole = last.read_bytes()
    begins = whole.rindex(b"RNJ1")
    url = f"file://{directory}"
    for size in range(begins, len(whole)):
        last.write_bytes(whole[:size])
        caplog.clear()
        assert await state_after_start(url) == states[-2]
        assert ("was cut short" in caplog.text) == (size > begins)
        assert await state_after_start(url) == states[-2]  # and is whole now
        async with living(url) as life:
            assert (await life.run(RUNS - 1)).last_tick == 3 * RUNS
            assert await life.state() == states[-1]
        for path in last.parent.iterdir():
            if path.name > last.name:
                path.unlink()


async def test_the_last_record_if_only_its_checksum_is_wrong(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A bit was flipped, or the power failed before all was on the disk: dropped, but not as if that were usual."""
    state = lived_through()[-2]
    last = segments(directory)[-1]
    whole = last.read_bytes()
    begins = whole.rindex(b"RNJ1")
    flipped = whole[:-1] + bytes([whole[-1] ^ 1])
    zeros = whole[: begins + 24] + bytes(len(whole) - begins - 24)
    for spoilt, is_told in ((flipped, True), (zeros, True), (whole[:-1], False), (whole[: begins + 9], False)):
        last.write_bytes(spoilt)
        caplog.clear()
        assert await state_after_start(f"file://{directory}") == state
        assert (f"journal {last.name}: record 13 has the wrong checksum" in caplog.text) == is_told
        assert f"its last {len(spoilt) - begins} bytes, after record 12, are no whole record and dropped" in caplog.text
        assert [each.levelname for each in caplog.records if each.levelno > logging.INFO] == (
            ["ERROR", "WARNING"] if is_told else ["WARNING"]
        )


async def assert_survives(url: str, states: list[str], caplog: pytest.LogCaptureFixture, what: str) -> str:
    """Whether it recovered to the last state, to one before, or refused."""
    caplog.clear()
    caplog.set_level(logging.WARNING)
    try:
        state = await state_after_start(url)
    except (JournalDamaged, SnapshotDamaged) as error:
        return "refused" if "journal" in str(error) and "\n" not in str(error) else f"{what}: {error}"
    assert state in states, what
    if state != states[-1]:
        assert "dropped" in caplog.text or "damaged" in caplog.text, what
        return "before"
    return "last"


async def test_bits_flipped_anywhere_in_the_store(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    states = lived_through()
    chance = random.Random(4)
    files = [path for path in directory.rglob("*") if path.is_file()]
    sizes = [path.stat().st_size for path in files]
    seen = set()
    for _ in range(FLIPS):
        copy = directory.parent / "copy"
        shutil.copytree(directory, copy)
        # Half of them in the journal, which is small beside a snapshot.
        among = [path for path in files if path.parent.name == "journal"] if chance.random() < 0.5 else files
        path = chance.choices(among, [sizes[files.index(each)] for each in among])[0]
        data = bytearray(path.read_bytes())
        at = chance.randrange(len(data))
        data[at] ^= 1 << chance.randrange(8)
        (copy / path.relative_to(directory)).write_bytes(data)
        seen.add(await assert_survives(f"file://{copy}", states, caplog, f"{path.name} byte {at}"))
        shutil.rmtree(copy)
    assert seen == {"last", "before", "refused"}


async def test_bits_flipped_and_blocks_lost_in_redis(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    await live(redis_server.url)
    states = lived_through()
    chance = random.Random(5)
    client = Redis.from_url(redis_server.url)
    key = "realnet:default/journal"
    whole = cast("list[tuple[bytes, dict[bytes, bytes]]]", client.xrange(key))
    seen = set()
    for turn in range(60):
        damaged = [(id, bytearray(fields[b"d"])) for id, fields in whole]
        if turn < len(damaged):
            del damaged[turn]
        else:
            _, data = chance.choice(damaged)
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        client.delete(key)
        for id, data in damaged:
            client.xadd(key, {b"d": bytes(data)}, id=id)
        if turn == len(whole) - 1:  # nothing tells of an end that is lost with a whole block
            assert await state_after_start(redis_server.url) == states[-2]
        else:
            seen.add(await assert_survives(redis_server.url, states, caplog, f"turn {turn}"))
    assert seen == {"last", "before", "refused"}
    client.close()


Harm = Callable[[Path], None]


def lose(name: str) -> Harm:
    return lambda directory: shutil.rmtree(directory / "default" / name)


@pytest.mark.parametrize(
    ("harm", "state"),
    [
        (lose("journal"), 8),  # then there is only the snapshot
        (lose("manifests"), RUNS),  # then everything is lived through again, from the birth
    ],
)
async def test_half_of_a_store_that_is_lost(directory: Path, harm: Harm, state: int) -> None:
    harm(directory)
    assert await state_after_start(f"file://{directory}") == lived_through()[state]


def empty(directory: Path) -> None:
    for segment in segments(directory):
        segment.write_bytes(b"")


@pytest.mark.parametrize("harm", [lose("journal"), empty])
async def test_a_journal_that_is_gone_is_missed_once(
    directory: Path, harm: Harm, caplog: pytest.LogCaptureFixture
) -> None:
    harm(directory)
    url, state = f"file://{directory}", lived_through()[8]
    assert await state_after_start(url) == state
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    expected = "snapshot 00000001 ends at record 9, and there is no journal: what was learnt after that is lost"
    assert record.getMessage() == expected
    caplog.clear()
    assert await state_after_start(url) == state  # killed before anything came
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
    async with living(url) as life:
        await life.run(8, client="a")
    assert await state_after_start(url) == lived_through()[9]


async def test_a_journal_that_does_not_reach_back_is_refused(directory: Path) -> None:
    segments(directory)[0].unlink()
    url = f"file://{directory}"
    assert await state_after_start(url) == lived_through()[-1]  # the snapshot is after it
    shutil.rmtree(directory / "default" / "manifests")
    with pytest.raises(JournalDamaged, match="begins at record"):
        await recover(catalog(url), open_log(url, "default/journal"), "cpu", BIRTH, born)


async def test_a_journal_in_which_records_are_missing_is_refused(directory: Path) -> None:
    segments(directory)[1].unlink()
    shutil.rmtree(directory / "default" / "manifests")
    with pytest.raises(JournalDamaged, match="are missing"):
        await replayed(f"file://{directory}")


def segments(directory: Path) -> list[Path]:
    """Records 1 to 5, 6 to 9 and 10 to 13; the snapshot has the first nine."""
    return sorted((directory / "default" / "journal").iterdir())


def places(data: bytes) -> list[int]:
    """Where records begin, and the end."""
    return [*(found.start() for found in re.finditer(b"RNJ1", data)), len(data)]


async def test_damage_of_what_the_snapshot_holds_costs_nothing(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    url, state = f"file://{directory}", lived_through()[-1]
    for segment in segments(directory)[:2]:
        whole = segment.read_bytes()
        *begins, size = places(whole)
        for at in (0, 4, size - 1, *(begin + offset for begin in begins for offset in (3, 10, 30))):
            segment.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            caplog.clear()
            assert await state_after_start(url) == state
            assert caplog.text.count("nothing of that is needed, the snapshot holds all up to record 9") == 1
        for spoilt in (whole[: begins[2]] + whole[begins[3] :], whole[: begins[2]], bytes(size)):
            segment.write_bytes(spoilt)
            assert await state_after_start(url) == state
        segment.unlink()
        assert await state_after_start(url) == state
        segment.write_bytes(whole)
    for segment in segments(directory)[:2]:
        segment.write_bytes(bytes(100))
    assert await state_after_start(url) == state
    async with living(url) as life:  # and it goes on
        await life.run(RUNS)
    replica = await replayed(url)
    assert replica.learner.net.tick == 3 * (RUNS + 1)


async def test_damage_after_what_the_snapshot_holds_is_refused_beside_other_damage(directory: Path) -> None:
    """All in one segment, as by a server that was never stopped."""
    first, second, third = segments(directory)
    whole = first.read_bytes() + second.read_bytes() + third.read_bytes()
    for segment in (second, third):
        segment.unlink()
    begins = places(whole)
    states, url = lived_through(), f"file://{directory}"
    for record in range(1, RUNS + 2):
        spoilt = bytearray(whole)
        for each in {3, record}:
            spoilt[begins[each - 1] + 30] ^= 1
        first.write_bytes(spoilt)
        if record <= 9:
            assert await state_after_start(url) == states[-1]
        else:  # at the end, too: twice in one block is no accident of a crash
            with pytest.raises(JournalDamaged, match="is damaged at byte"):
                await replayed(url)


async def test_a_record_inside_of_another_is_never_taken_for_one(directory: Path) -> None:
    """Somebody may send what looks like a record, and the disk then lose the head that it is in."""
    fakes = b"".join(encode_record(seq, InputRecord(24, 0.5, 1, frames=bytes(12))) for seq in range(8, 12))
    outer = encode_record(9, InputRecord(21, 0.5, 1, frames=fakes))
    last = encode_record(10, InputRecord(24, 0.5, 1, frames=bytes(12)))
    damaged = b"?" + outer[1:]
    assert scan([Block("one", damaged)], 20).last == 11  # found, but of no use
    for follows in ([], [Block("two", last)]):
        for blocks in ([Block("one", damaged)], [Block("one", encode_record(8, NoteRecord("")) + damaged)]):
            with pytest.raises(JournalDamaged):
                scan([*blocks, *follows], 9)
    with pytest.raises(JournalDamaged):
        scan([Block("one", damaged + last)], 9)


def catalog(url: str):  # type: ignore[no-untyped-def]
    from service.snapshots.catalog import SnapshotCatalog

    return SnapshotCatalog(open_store(url), 3, "default", most_kept=9)
