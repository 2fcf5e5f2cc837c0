"""How every CPU kernel is compiled, and what numba has no word for.

Where numba is not installed, for which a small device has no room, kernels run as they stand, some thousand times
slower; those that are exact compute the same bits.
"""

import warnings
from collections.abc import Callable
from fractions import Fraction
from types import FunctionType
from typing import Any

import numpy as np

try:
    from numba import njit, types
    from numba.core import imputils
    from numba.extending import intrinsic
except ModuleNotFoundError as error:
    if error.name != "numba":
        raise
    IS_PLAIN = True
    warnings.warn("numba is not installed: all is computed some thousand times slower", RuntimeWarning, stacklevel=1)
else:
    from llvmlite import ir

    IS_PLAIN = False

# No "nnan" and "ninf": what is NaN or infinite must stay so. Sums may be reordered by vectorising, always the same way.
FAST = {"nsz", "arcp", "contract", "afn", "reassoc"}
# "fastmath" is told, or what is inlined would take that of its caller.
_EXACT: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}
_OPTIONS = {**_EXACT, "fastmath": FAST}
# Loops that are told to run on threads do, and nothing else: numba would make a kernel of its own of each array's sum.
_OTHERS = "comprehension", "fusion", "inplace_binop", "numpy", "reduction", "setitem", "stencil"
_LOOPS = {"prange": True} | dict.fromkeys(_OTHERS, False)


def kernel(function: Callable[..., Any]) -> Any:
    """Compile a function on its first call, and keep it for the next process, where that can be written somewhere."""
    return _kept(function, _OPTIONS)


def exact_kernel(function: Callable[..., Any]) -> Any:
    """Compile a function as `kernel` does, but compute in the stated order: each sum and product as NumPy would."""
    return _kept(function, _EXACT)


def exact_inlined_kernel(function: Callable[..., Any]) -> Any:
    """Compile a function as a part of each exact kernel that calls it."""
    return function if IS_PLAIN else njit(forceinline=True, **_EXACT)(function)


def _kept(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    if IS_PLAIN:
        return np.errstate(over="ignore")(function)  # as hashes do
    try:
        return njit(cache=True, **options)(function)
    except RuntimeError:  # "no locator available": neither the package's folder nor a home can be written
        warnings.warn(
            "compiled kernels cannot be kept, so that every process compiles them again: "
            "let NUMBA_CACHE_DIR in the environment name a folder for them",
            RuntimeWarning,
            stacklevel=1,
        )
        return njit(**options)(function)


def parallel_kernel(function: Callable[..., Any]) -> Any:
    """Compile a function for several threads, and keep it under another name than the same function's serial kernel.

    What runs on several threads is an `exact_inlined_kernel`: numba would round the rest of such a loop differently.
    """
    if IS_PLAIN:
        return function
    name = f"{function.__name__}parallel_"
    parallel = FunctionType(function.__code__, function.__globals__, name, function.__defaults__)
    parallel.__qualname__ = name
    return _kept(parallel, {**_OPTIONS, "parallel": _LOOPS})


def inlined_kernel(function: Callable[..., Any]) -> Any:
    """Compile a function as a part of each kernel that calls it.

    A kernel that was compiled apart is called as it is in the process that compiles, but merged with its caller in what
    is kept for the next process, and with `reassoc` the two may round differently: the same start would not lead to the
    same weights.
    """
    return function if IS_PLAIN else njit(forceinline=True, **_OPTIONS)(function)


def _uncounted(context: Any, arrays: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        taken = arguments[0]
        for i, kind in enumerate(signature.args[0].types):
            view = context.make_array(kind)(context, builder, builder.extract_value(taken, i))
            view.meminfo = ir.Constant(view.meminfo.type, None)
            taken = builder.insert_value(taken, view._getvalue(), i)
        return taken

    return arrays(arrays), generate


def _prefetch(context: Any, array: Any, index: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.gep(context.make_array(array)(context, builder, arguments[0]).data, [arguments[1]])
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        call = builder.module.declare_intrinsic("llvm.prefetch", [place.type], kind)
        builder.call(call, [place, number(0), number(3), number(1)])  # to be read, kept in every cache, data
        return context.get_dummy_value()

    return types.void(array, index), generate


# Return a tuple of arrays as a kernel's own view of them, whose references are not counted: whoever calls the kernel
# keeps them. Else each time that a kernel takes an array out of a tuple there are two locked instructions, which took a
# third of a tick.
uncounted: Any = (lambda arrays: arrays) if IS_PLAIN else intrinsic(_uncounted)
# Ask the memory for a place of a flat array that is needed soon.
prefetch: Any = (lambda array, index: None) if IS_PLAIN else intrinsic(_prefetch)


def _fused(context: Any, a: Any, b: Any, c: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), generate


def optional(name: str) -> Any:
    """Return what takes the array of that name out of a tuple, None where tuples of its kind have none.

    Which of both it is, is known when a kernel is compiled: what asks `if it is None` of an argument costs nothing.
    """
    if IS_PLAIN:
        return lambda arrays: getattr(arrays, name, None)

    def typed(context: Any, arrays: Any) -> Any:
        at = arrays.fields.index(name) if name in arrays.fields else None

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            if at is None:
                return context.get_dummy_value()
            taken = builder.extract_value(arguments[0], at)
            borrowed: Any = imputils.impl_ret_borrowed
            return borrowed(context, builder, signature.return_type, taken)

        return (types.none if at is None else arrays.types[at])(arrays), generate

    return intrinsic(typed)


# a * b + c, rounded once.
fused: Any = (lambda a, b, c: float(Fraction(a) * Fraction(b) + Fraction(c))) if IS_PLAIN else intrinsic(_fused)


def _reduction(name: str) -> Any:
    """`min` or `max` as LLVM sees a reduction; Python's own, a comparison and a choice, would stay scalar."""

    def two(context: Any, first: Any, second: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kind = ir.FloatType()
            function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind, kind]))
            return builder.call(function, arguments, fastmath=("nnan", "nsz"))

        return types.float32(types.float32, types.float32), generate

    return intrinsic(two)


minimum = min if IS_PLAIN else _reduction("llvm.minnum")
maximum = max if IS_PLAIN else _reduction("llvm.maxnum")
