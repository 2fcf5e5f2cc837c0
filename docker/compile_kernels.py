"""Compile the kernels that a server on the CPU calls, and leave them where NUMBA_CACHE_DIR says, for the image."""

import numpy as np

from realnet import FrameLearner, TokenLearner
from realnet.core.state import PRESETS

for preset in PRESETS:
    tokens = TokenLearner.create(preset)
    tokens.run([1, 2, 3])
    tokens.generator([1, 2], temperature=0.5, seed=0).step(2)
    frames = FrameLearner.create(2, 1, preset)
    frames.run(np.ones((2, 2)), np.ones((2, 1)))
    frames.fork().run(np.ones((2, 2)), plasticity=0.0)
