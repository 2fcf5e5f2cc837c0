"""How every CPU kernel is compiled, and the minimum and maximum that LLVM vectorises."""

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# No "nnan" and "ninf": what is NaN or infinite must stay so. Sums may be reordered by vectorising, always the same way.
FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}

kernel = njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy")
parallel_kernel = njit(nogil=True, cache=True, fastmath=FAST, error_model="numpy", parallel=True)


def _reduction(name: str) -> Any:
    """`min` or `max` as LLVM sees a reduction; Python's own, a comparison and a choice, would stay scalar."""

    def two(context: Any, first: Any, second: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FloatType()
            function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind, kind]))
            return builder.call(function, arguments, fastmath=("nnan", "nsz"))

        return types.float32(types.float32, types.float32), generate

    return intrinsic(two)


minimum = _reduction("llvm.minnum")
maximum = _reduction("llvm.maxnum")
