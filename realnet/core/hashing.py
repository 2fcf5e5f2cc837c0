"""The hash by which contexts have names."""

import numpy as np

from realnet.core._numba import exact_inlined_kernel

MIX_1, MIX_2 = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_FIRST, _SECOND = np.uint64(MIX_1), np.uint64(MIX_2)


@exact_inlined_kernel
def mixed(h: np.uint64) -> np.uint64:
    """Return 64 bits of which each depends on all of `h`: two rounds of multiply and shift."""
    h = (h ^ h >> np.uint64(29)) * _FIRST
    h = (h ^ h >> np.uint64(32)) * _SECOND
    return h ^ h >> np.uint64(29)
