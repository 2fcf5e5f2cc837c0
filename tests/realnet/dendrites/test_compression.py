"""What was compressed comes back, byte for byte, or there is one clear error."""

import random
import struct
import zlib
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.compression import compress, decompress

TEXT = b"".join(b"Line %d of a text that says the same again, and again %d.\n" % (i, i * 7) for i in range(300))


@settings(max_examples=15, deadline=None)
@given(data=st.binary(max_size=400) | st.builds(lambda piece, n: piece * n, st.binary(max_size=20), st.integers(0, 50)))
def test_anything_comes_back(data: bytes) -> None:
    assert decompress(compress(data, "fast")) == data


@pytest.mark.parametrize("variant", ["fast", "standard", "large"])
def test_a_text_comes_back_and_is_small(variant: str) -> None:
    coded = compress(TEXT, variant)  # type: ignore[arg-type]
    assert len(coded) < len(TEXT) / 12
    assert decompress(coded) == TEXT


def test_noise_grows_by_little() -> None:
    noise = random.Random(0).randbytes(100_000)  # more than a piece, and all that a piece may take
    coded = compress(noise, "fast")
    assert len(coded) < 1.02 * len(noise)
    assert decompress(coded) == noise


def test_zeros_take_next_to_nothing() -> None:
    coded = compress(bytes(100_000), "fast")
    assert len(coded) < 300
    assert decompress(coded) == bytes(100_000)


def test_a_net_that_knows_the_text_needs_less_and_is_needed_again() -> None:
    learner = DendriteLearner.create("fast")
    learner.run(learner.vocabulary.encode(TEXT.decode()))
    net = learner.checkpoint().to_bytes()
    opened = [DendriteLearner.from_checkpoint(Checkpoint.from_bytes(net)) for _ in "12"]
    coded = compress(TEXT, opened[0])
    assert len(coded) < len(compress(TEXT, "fast")) / 3
    assert decompress(coded, opened[1]) == TEXT
    with pytest.raises(ValueError, match=r"with a net of state [0-9a-f]{64}: give that"):
        decompress(coded)
    with pytest.raises(ValueError, match="and the one given is"):
        decompress(coded, DendriteLearner.create("fast"))
    with pytest.raises(ValueError, match="newborn net, not with the one"):
        decompress(compress(TEXT, "fast"), learner)


def test_progress_is_told_to_the_end() -> None:
    told: list[int] = []
    decompress(compress(TEXT * 5, "fast", told.append), progress=told.append)
    assert told[-1] == len(TEXT * 5)
    assert told.count(told[-1]) == 2


@settings(max_examples=60, deadline=None)
@given(chance=st.randoms(use_true_random=False))
def test_a_damaged_file_is_told(chance: random.Random) -> None:
    damaged = bytearray(coded())
    if chance.random() < 0.3:
        del damaged[chance.randrange(len(damaged) - 4) :]  # the end of the last bytes may not be needed
    else:
        damaged[chance.randrange(len(damaged) - 4)] ^= 1 << chance.randrange(8)
    with pytest.raises(ValueError, match=r"damaged|not a file|version"):
        decompress(bytes(damaged))


@cache
def coded() -> bytes:
    return compress(TEXT[:600], "fast")


def test_a_file_that_says_that_it_is_huge_takes_no_memory() -> None:
    with pytest.raises(ValueError, match="too short"):
        decompress(with_length(2**50))


def with_length(length: int) -> bytes:
    """A right header of so many bytes, before the body of another."""
    header = struct.Struct("<4sBBQI32s")
    fields = list(header.unpack(coded()[: header.size]))
    fields[3] = length
    forged = header.pack(*fields)
    return forged + struct.pack("<I", zlib.crc32(forged)) + coded()[header.size + 4 :]
