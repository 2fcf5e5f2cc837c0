"""A net that is made smaller, and lives on where there is little memory."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import realnet
from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.device import LEAST_SIZE, Weights, for_device
from tests.realnet.dendrites.test_net import TEXT, ids

MORE = ids(TEXT[:40][::-1])
MEGABYTES = 64
ON_A_DEVICE = """
import json
import sys

sys.modules["numba"] = None  # as where it is not installed
import realnet

learner = realnet.load(sys.argv[1])
said = learner.run(json.loads(sys.argv[2]), outputs="surprise").surprise
generator, told = learner.generator([32], 0.5, 0), []
while len(told) < 5:
    told += generator.step(5 - len(told))
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
weights = learner.checkpoint().weights_sha256()
print(json.dumps([said.tolist(), told, weights, int(peak.split()[1])]))
"""


@pytest.fixture(scope="module")
def lived() -> bytes:
    learner = DendriteLearner.create("standard", max_lines=2**15)
    learner.run(ids(TEXT), outputs="none")
    learner.net.grow(2**15)
    return learner.checkpoint().to_bytes()


def small(lived: bytes, size: int | None, weights: Weights = "full") -> DendriteLearner:
    made = for_device(Checkpoint.from_bytes(lived), size, weights).to_bytes()
    return DendriteLearner.from_checkpoint(Checkpoint.from_bytes(made))


@pytest.mark.parametrize("weights", ["full", "lean"])
@pytest.mark.parametrize(("size", "lines"), [(None, 2**15), (2**20, 2**14), (2**20 - 1, 2**13), (LEAST_SIZE, 2**12)])
def test_it_has_so_many_lines_and_predicts_as_well(
    lived: bytes, size: int | None, lines: int, weights: Weights
) -> None:
    whole, learner = small(lived, None), small(lived, size, weights)
    assert (learner.net.lines, learner.net.max_lines) == (lines, lines)
    assert bool(learner.net.wiring.maps) == (weights == "full")
    known = [each.fork().run(ids(TEXT[-500:]), 0.0).surprise.mean() for each in (whole, learner)]
    assert known[1] < known[0] + 0.1
    learner.run(ids(TEXT))
    assert learner.net.lines == lines


def test_what_has_room_already_is_left_as_it_is(lived: bytes) -> None:
    learner = small(lived, 2**23)
    assert learner.net.max_lines == 2**17
    assert learner.checkpoint().weights_sha256() == small(lived, None).checkpoint().weights_sha256()


def test_it_lives_in_64_megabytes_and_learns_the_same_bits(lived: bytes, tmp_path: Path) -> None:
    file = tmp_path / "small.safetensors"
    file.write_bytes(for_device(Checkpoint.from_bytes(lived), 2**20, "lean").to_bytes())
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    told = json.dumps(MORE.tolist())
    ended = subprocess.run([sys.executable, "-c", ON_A_DEVICE, file, told], env=environment, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"numba is not installed" in ended.stderr
    surprise, said, weights, kilobytes = json.loads(ended.stdout)
    learner = realnet.load(file)
    assert isinstance(learner, DendriteLearner)
    assert np.array_equal(learner.run(MORE, outputs="surprise").surprise, np.array(surprise, np.float32))
    assert learner.checkpoint().weights_sha256() == weights
    generator, here = learner.generator([32], 0.5, 0), list[int]()
    while len(here) < 5:
        here += generator.step(5 - len(here))
    assert said == here
    assert kilobytes < MEGABYTES * 1024


def test_what_cannot_be_made_smaller_is_refused(lived: bytes) -> None:
    with pytest.raises(ValueError, match=f"size is 1000 bytes, must be at least {LEAST_SIZE}"):
        small(lived, 1000)
    compact = DendriteLearner.create("compact", memory=2**16).checkpoint()
    with pytest.raises(ValueError, match="keeps its size"):
        for_device(compact, 2**20)
    frames = realnet.create("literal", 12, 3, 2).checkpoint()
    with pytest.raises(ValueError, match="not a checkpoint of dendrites"):
        for_device(frames, 2**20)
