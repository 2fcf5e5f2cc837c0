"""What a kernel computes does not depend on whether this process has compiled it or found it compiled."""

import os
import subprocess
import sys
from pathlib import Path

_LIFE = """
import hashlib, numpy as np
from realnet import LiveNet
net = LiveNet(90, range(20), range(84, 90), "literal", seed=5)
chance = np.random.default_rng(7)
net.run(chance.random((300, 20)), chance.random((300, 6)))
print(hashlib.sha256(net.checkpoint().to_bytes()).hexdigest())
"""


def test_the_first_process_computes_what_the_next_one_does(tmp_path: Path) -> None:
    """Or a net whose server is killed after the very first start on a machine would replay to other weights."""
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", _LIFE]
    lives = [subprocess.run(command, env=environment, capture_output=True, check=True).stdout for _ in range(2)]
    assert lives[0] == lives[1]
