"""A snapshot of a net of dendrites leaves out what was never used, and one that doesn't is opened all the same."""

import lzma
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from realnet import Checkpoint, DendriteLearner
from realnet.core.dendrite_memory import EPISODES
from realnet.core.dendrite_packing import unpacked
from tests.realnet.dendrites.test_net import ids, whole_of

TEXT = ids(b"".join(b"%d rows are used, and %d are not.\n" % (i, i * i) for i in range(40)))
WHOLE = Path(__file__).with_name("whole_arrays.safetensors.xz")  # a `fast` net of two symbols that lived 568 ticks
BITS = np.unpackbits(np.frombuffer(b"A net of t", np.uint8))


@pytest.fixture(scope="module")
def taught() -> DendriteLearner:
    learner = DendriteLearner.create("fast")
    learner.run(TEXT, outputs="none")
    return learner


def opened(data: bytes) -> DendriteLearner:
    return DendriteLearner.from_checkpoint(Checkpoint.from_bytes(data))


def test_a_newborn_is_small_and_what_it_learns_is_added(taught: DendriteLearner) -> None:
    newborn, lived = (len(each.checkpoint().to_bytes()) for each in (DendriteLearner.create("fast"), taught))
    assert newborn < 400_000
    assert newborn < lived < 1_500_000


def test_a_snapshot_goes_on_to_the_same_bits(taught: DendriteLearner) -> None:
    checkpoint = taught.checkpoint()
    again = opened(checkpoint.to_bytes())
    assert again.checkpoint().state_sha256() == checkpoint.state_sha256()
    other = opened(checkpoint.to_bytes())
    for learner in (again, other):
        learner.run(TEXT[::-1])
    assert again.checkpoint().state_sha256() == other.checkpoint().state_sha256() != checkpoint.state_sha256()
    assert checkpoint.state_sha256() == taught.checkpoint().state_sha256(), "a checkpoint shares nothing with its net"


def test_whole_arrays_are_opened_and_packed(taught: DendriteLearner) -> None:
    packed = taught.checkpoint()
    whole = whole_of(packed)
    assert len(whole.to_bytes()) > 20 * len(packed.to_bytes())
    assert opened(whole.to_bytes()).checkpoint().state_sha256() == packed.state_sha256()


def test_a_snapshot_of_an_older_program_opens_and_goes_on() -> None:
    learner = opened(lzma.decompress(WHOLE.read_bytes()))
    assert learner.tokens_seen == 568
    for state in (
        "5d15d12b1e4ac7edc55dc420d64f053728de74e33a3432a431f4f38d0dbfaeb2",
        "afc4b4c05cbd8a3a2d93cfb30b703425db5952eaad848605dd3f9e0282783ad7",  # as the older program went on, too
    ):
        assert whole_of(learner.checkpoint()).state_sha256() == state
        learner.run(BITS)


def test_all_episodes_of_a_long_life_are_kept(taught: DendriteLearner) -> None:
    arrays = dict(unpacked(taught.checkpoint().arrays))
    arrays["tokens"] = np.arange(EPISODES, dtype=np.int64).astype(np.uint8)
    arrays["lived"] = np.array([EPISODES + 3])
    lived = DendriteLearner.from_checkpoint(Checkpoint(taught.checkpoint().config, dict(arrays)))
    assert np.array_equal(dict(unpacked(lived.checkpoint().arrays))["tokens"], arrays["tokens"])


DAMAGE: list[tuple[str, Any, str]] = [
    ("map_rows", lambda a: a - 1_000_000, "map_rows has a number outside"),
    ("gain_rows", lambda a: a.astype(np.int64), "gain_rows has a number outside"),
    ("place_rows", lambda a: a[1:], "places does not fit place_rows"),
    ("maps", lambda a: a[:, 1:], "maps does not fit map_rows"),
    ("gains_unused", lambda a: a + 1, "gains_unused is not that of this net"),
    ("tokens", lambda a: np.zeros(EPISODES + 1, a.dtype), "tokens is"),
    ("map_uses", lambda a: np.zeros_like(a), "maps has a row that was never used and is not as at birth"),
]


@pytest.mark.parametrize(("name", "damage", "told"), DAMAGE)
def test_arrays_that_cannot_be_unpacked_are_refused(taught: DendriteLearner, name: str, damage: Any, told: str) -> None:
    checkpoint = taught.checkpoint()
    wrong = Checkpoint(checkpoint.config, checkpoint.arrays | {name: damage(checkpoint.arrays[name])})
    with pytest.raises(ValueError, match=told):
        opened(wrong.to_bytes())


def test_a_missing_array_is_named(taught: DendriteLearner) -> None:
    checkpoint = taught.checkpoint()
    arrays = {name: array for name, array in checkpoint.arrays.items() if name != "map_rows"}
    with pytest.raises(ValueError, match="'map_rows' is missing"):
        DendriteLearner.from_checkpoint(Checkpoint(checkpoint.config, arrays))
