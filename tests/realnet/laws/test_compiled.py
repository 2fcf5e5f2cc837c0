"""What a kernel computes does not depend on whether this process has compiled it or found it compiled."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_LIFE = """
import hashlib, numpy as np
from realnet import LiveNet
for threads in (1, 2):
    net = LiveNet(90, range(20), range(84, 90), "literal", seed=5, threads=threads)
    chance = np.random.default_rng(7)
    net.run(chance.random((300, 20)), chance.random((300, 6)))
    print(hashlib.sha256(net.checkpoint().to_bytes()).hexdigest())
"""

# Neurons that fill whole vectors and blocks and that do not, with as many threads as a test machine may lack cores for.
_LIVES = """
import numpy as np
from realnet import LiveNet
for neurons, pruned in ((300, False), (300, True), (257, False), (256, True)):
    random = np.random.default_rng(0)
    dead = random.random((neurons, neurons)) < 0.3
    frames, teachers = random.random((30, 50)), random.random((30, 30))
    lives = set()
    for threads in (1, 2, 4):
        net = LiveNet(neurons, range(50), range(neurons - 30, neurons), "literal", 0.01, threads=threads)
        if pruned:
            net.prune(dead)
        outputs = net.run(frames, teachers)
        lives.add((net.checkpoint().state_sha256(), outputs.tobytes()))
    assert len(lives) == 1, (neurons, pruned)
"""


@pytest.mark.long
def test_the_first_process_computes_what_the_next_one_does(tmp_path: Path) -> None:
    """Or a net whose server is killed after the very first start on a machine would replay to other weights."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_NUM_THREADS": "2"}
    command = [sys.executable, "-c", _LIFE]
    lives = [subprocess.run(command, env=environment, capture_output=True, check=True).stdout for _ in range(2)]
    assert lives[0] == lives[1]


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    environment = {**os.environ, "NUMBA_NUM_THREADS": "4"}
    subprocess.run([sys.executable, "-c", _LIVES], env=environment, check=True)
