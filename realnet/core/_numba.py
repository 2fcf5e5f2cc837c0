"""How every CPU kernel is compiled, and the minimum and maximum that LLVM vectorises."""

import warnings
from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

# No "nnan" and "ninf": what is NaN or infinite must stay so. Sums may be reordered by vectorising, always the same way.
FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}
_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": FAST, "error_model": "numpy"}


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call."""
    return _compiled(function, parallel=False)


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call, for several threads."""
    return _compiled(function, parallel=True)


def _compiled(function: Callable[..., Any], parallel: bool) -> Any:
    """Keep what is compiled for the next process, where that can be written somewhere."""
    try:
        return njit(cache=True, parallel=parallel, **_OPTIONS)(function)
    except RuntimeError:  # "no locator available": neither the package's folder nor a home can be written
        warnings.warn(
            "compiled kernels cannot be kept, so that every process compiles them again: "
            "let NUMBA_CACHE_DIR in the environment name a folder for them",
            RuntimeWarning,
            stacklevel=1,
        )
        return njit(parallel=parallel, **_OPTIONS)(function)


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
