"""Parents that the processes of a machine share: one copy, which goes with the last of them, whatever happens."""

import os
import resource
import signal
import stat
import tempfile
from collections.abc import Callable
from multiprocessing.forkserver import ensure_running
from pathlib import Path

import pytest

from realnet import DendriteLearner
from realnet.dendrites.family import child_of, freeze
from realnet.dendrites.parent import Parent
from service.nets.shared_parents import SharedParents
from tests.api.asking import until
from tests.cluster.running_shard import COUNT, ProcessShard, ThreadShard, name_in
from tests.nets.asking import numbers, teach
from tests.nets.test_parents import KNOWN, OWN, alone, create_children, parent_in, raise_parent, weights_of
from tests.running_server import forks

UP, ONE, TWO = name_in(0, COUNT), name_in(0, COUNT, 1), name_in(1, COUNT)


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory for temporary files, of this process and of those that it starts."""
    ensure_running()  # what forks the processes has its socket where such files were before
    path = tmp_path / "temporary"
    path.mkdir()
    monkeypatch.setenv("TMPDIR", str(path))
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path


@pytest.fixture
def directory(temporary: Path) -> Path:
    """The directory where parents will be."""
    return temporary / f"realnet-parents-{os.getuid()}"


def names(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir()]


@pytest.fixture(scope="module")
def parent() -> Parent:
    return small_parent()


def small_parent() -> Parent:
    learner = DendriteLearner.create("fast", max_lines=2**12)
    learner.run(list(KNOWN.encode()), outputs="none")
    return freeze(learner)


def lived(parent: Parent) -> str:
    child = child_of(parent, 2**12)
    child.run(list(OWN.encode()), outputs="none")
    return child.checkpoint().state_sha256()


# Of two shards in processes of their own:


@pytest.fixture
def pair(new_process: Callable[..., ProcessShard]) -> list[ProcessShard]:
    """Two shards, of which each has a child of the same parent in memory."""
    shards = [new_process(number, journal="always").start() for number in range(COUNT)]
    ref = raise_parent(shards[0], UP)
    for shard, name in zip(shards, (ONE, TWO), strict=True):
        create_children(shard, ref, name)
    return shards


def mapped(shard: ProcessShard, path: Path) -> set[int]:
    """Return the inodes that a process has mapped by this name."""
    lines = (line.split() for line in Path(f"/proc/{shard.pid}/maps").read_text().splitlines())
    return {int(words[4]) for words in lines if words[5:6] == [str(path)]}


def test_two_processes_have_one_copy_and_the_last_one_removes_it(pair: list[ProcessShard], directory: Path) -> None:
    for shard, name in zip(pair, (ONE, TWO), strict=True):
        teach(shard, name, OWN)
    told = pair[0].client.get(f"/v1/nets/{ONE}").json()["parent"]
    path = directory / told["sha256"]
    assert names(directory) == [path.name]
    assert [mapped(shard, path) for shard in pair] == [{path.stat().st_ino}] * COUNT
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    own = parent_in(pair[0], told)
    assert [numbers(shard)["realnet_nets_parents_bytes"][""] for shard in pair] == [own.nbytes] * COUNT
    assert [weights_of(shard, name) for shard, name in zip(pair, (ONE, TWO), strict=True)] == [alone(own, OWN)] * COUNT
    pair[1].kill()
    pair[1].start()
    teach(pair[1], TWO, KNOWN)
    assert mapped(pair[1], path) == mapped(pair[0], path) == {path.stat().st_ino}
    assert weights_of(pair[1], TWO) == alone(own, OWN, KNOWN)
    pair[0].terminate()
    assert names(directory) == [path.name]
    assert pair[1].client.delete(f"/v1/nets/{TWO}").status_code == 204
    until(lambda: not names(directory))


def test_what_killed_processes_leave_goes_with_the_next_start(pair: list[ProcessShard], directory: Path) -> None:
    for shard, name in zip(pair, (ONE, TWO), strict=True):
        teach(shard, name, OWN)
    for shard in pair:
        shard.kill()
    assert len(names(directory)) == 1
    pair[1].start()
    assert names(directory) == []
    assert teach(pair[1], TWO, OWN).status_code == 200
    assert len(names(directory)) == 1


def test_where_there_can_be_no_file_each_has_a_copy_of_its_own(
    new_shard: Callable[..., ThreadShard], directory: Path
) -> None:
    directory.write_text("no directory")
    shard = new_shard(0).start()
    ref = raise_parent(shard, UP)
    create_children(shard, ref, ONE)
    teach(shard, ONE, OWN)
    assert weights_of(shard, ONE) == alone(parent_in(shard, ref), OWN)
    assert shard.client.delete(f"/v1/nets/{ONE}").status_code == 204
    until(lambda: numbers(shard)["realnet_nets_parents_bytes"][""] == 0)
    create_children(shard, ref, ONE)
    assert shard.log.count("parents are not shared") == 1
    assert "is not a directory of this user alone" in shard.log


# Of the files alone, in this process, where two that share are as two processes are: locks are of open files.


def test_one_that_is_used_stays_and_goes_with_its_last_user(parent: Parent, directory: Path) -> None:
    first, second = SharedParents(), SharedParents()
    assert first.find(parent.sha256) is None
    one = first.share(parent)
    two = second.find(parent.sha256)
    assert two is not None
    assert one is not parent
    assert lived(two) == lived(one) == lived(parent)
    SharedParents()
    del one
    assert names(directory) == [parent.sha256]
    del two
    assert names(directory) == []


def test_one_that_another_has_written_meanwhile_is_taken(parent: Parent, directory: Path) -> None:
    first, second = SharedParents(), SharedParents()
    one = first.share(parent)
    inode = (directory / parent.sha256).stat().st_ino
    two = second.share(parent)
    assert two is not parent
    assert names(directory) == [parent.sha256]
    del one
    assert (directory / parent.sha256).stat().st_ino == inode


def test_one_that_is_removed_under_its_users_stays_theirs(parent: Parent, directory: Path) -> None:
    shared = SharedParents()
    one = shared.share(parent)
    (directory / parent.sha256).unlink()
    two = shared.share(parent)
    inode = (directory / parent.sha256).stat().st_ino
    assert lived(one) == lived(two) == lived(parent)
    del one
    assert (directory / parent.sha256).stat().st_ino == inode


def changed(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [changed, lambda data: data[:-100], lambda data: data[:10], lambda data: b""])
def test_one_that_is_damaged_is_written_anew(
    parent: Parent, directory: Path, caplog: pytest.LogCaptureFixture, damage: Callable[[bytes], bytes]
) -> None:
    shared = SharedParents()
    kept = shared.share(parent)
    whole = (directory / parent.sha256).read_bytes()
    del kept
    (directory / parent.sha256).write_bytes(damage(whole))
    assert shared.find(parent.sha256) is None
    assert "is damaged" in caplog.text
    assert names(directory) == []
    again = shared.share(parent)
    assert (directory / parent.sha256).read_bytes() == whole
    assert lived(again) == lived(parent)


def test_one_under_another_s_name_is_not_taken(parent: Parent, directory: Path) -> None:
    shared, other = SharedParents(), "0" * 64
    kept = shared.share(parent)
    (directory / parent.sha256).rename(directory / other)
    assert shared.find(other) is None
    assert shared.find(f"../{directory.name}/{other}") is None
    assert lived(kept) == lived(parent)


def test_a_directory_that_others_may_write_into_is_not_used(
    parent: Parent, directory: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    there = tmp_path / "there"
    there.mkdir(0o700)
    (there / "file").touch()
    directory.symlink_to(there)
    shared = SharedParents()
    assert shared.share(parent) is parent
    assert shared.find(parent.sha256) is None
    directory.unlink()
    there.rename(directory)
    directory.chmod(0o770)
    assert SharedParents().share(parent) is parent
    assert names(directory) == ["file"]
    assert caplog.text.count("is not a directory of this user alone") == 2


def test_where_the_disk_is_full_nothing_is_left(
    parent: Parent, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, limits[1]))
    try:
        assert SharedParents().share(parent) is parent
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "File too large" in caplog.text
    assert names(directory) == []


def killed_while_writing(temporary: str) -> None:
    """The system kills this process at the first byte that is too many."""
    tempfile.tempdir = temporary
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, 2**20))
    SharedParents().share(small_parent())


def test_what_a_kill_in_the_middle_of_writing_leaves_goes_with_the_next_start(
    parent: Parent, directory: Path, temporary: Path
) -> None:
    process = forks.Process(target=killed_while_writing, args=(str(temporary),))
    process.start()
    process.join(30)
    assert process.exitcode == -signal.SIGXFSZ
    assert [path.stat().st_size for path in directory.iterdir()] == [2**20]
    shared = SharedParents()
    assert names(directory) == []
    assert lived(shared.share(parent)) == lived(parent)
