"""The hash by which contexts have names."""

import numpy as np

from realnet.core._numba import exact_inlined_kernel

MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
DEEPER, NODE_SALT, MAP_SALT = 0x3D4D51CB, 0x9E3779B1, 0x1E35A7BD  # lines of the next four decisions; rows by decision
_FIRST, _SECOND = np.uint64(MIX_1), np.uint64(MIX_2)


@exact_inlined_kernel
def mixed(h: np.uint64) -> np.uint64:
    """Return 64 bits of which each depends on all of `h`: two rounds of multiply and shift."""
    h = (h ^ h >> np.uint64(29)) * _FIRST
    h = (h ^ h >> np.uint64(32)) * _SECOND
    return h ^ h >> np.uint64(29)
