"""Sums over the columns of gains, eight at a time: the order of sums is that of the law.

Columns are a multiple of eight, which LLVM is not told: of a plain loop over 56 columns it computes 32 at once and the
others one by one, and before each loop it looks whether arrays overlap.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_FLOAT, _EIGHT = ir.FloatType(), ir.VectorType(ir.FloatType(), 8)
_NUMBER = ir.IntType(32)


def _fired(context: Any, gains: Any, rows: Any, first: Any, end: Any, inputs: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        gains, rows, inputs = (_data(context, builder, signature, arguments, i) for i in (0, 1, 4))
        columns = _columns(context, builder, signature, arguments, 4)
        lanes = cgutils.alloca_once_value(builder, ir.Constant(ir.VectorType(_FLOAT, 4), [0.0] * 4))  # type: ignore[no-untyped-call]
        gain = cgutils.alloca_once(builder, _EIGHT)  # type: ignore[no-untyped-call]
        with _eights(builder, columns) as i:
            builder.store(ir.Constant(_EIGHT, [0.0] * 8), gain)
            with cgutils.for_range_slice(builder, arguments[2], arguments[3], ir.Constant(arguments[2].type, 1)) as (
                g,
                _,
            ):
                begin = builder.mul(builder.load(builder.gep(rows, [g])), columns)
                builder.store(builder.fadd(builder.load(gain), _load(builder, gains, builder.add(begin, i))), gain)
            product = builder.fmul(builder.load(gain), _load(builder, inputs, i))
            for four in (range(4), range(4, 8)):
                half = builder.shuffle_vector(product, product, ir.Constant(ir.VectorType(_NUMBER, 4), list(four)))
                builder.store(builder.fadd(builder.load(lanes), half), lanes)
        a, b, c, d = (builder.extract_element(builder.load(lanes), _NUMBER(k)) for k in range(4))
        return builder.fadd(builder.fadd(a, b), builder.fadd(c, d))

    return types.float32(gains, rows, first, end, inputs), generate


def _learn(context: Any, gains: Any, row: Any, amount: Any, inputs: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        gains, inputs = (_data(context, builder, signature, arguments, i) for i in (0, 3))
        columns = _columns(context, builder, signature, arguments, 3)
        begin, all_eight = builder.mul(arguments[1], columns), ir.Constant(_EIGHT, ir.Undefined)
        for k in range(8):
            all_eight = builder.insert_element(all_eight, arguments[2], _NUMBER(k))
        with _eights(builder, columns) as i:
            place = builder.add(begin, i)
            change = builder.fmul(all_eight, _load(builder, inputs, i))
            learnt = builder.fadd(_load(builder, gains, place), change)
            builder.store(learnt, _pointer(builder, gains, place), align=4)
        return context.get_dummy_value()

    return types.void(gains, row, amount, inputs), generate


def _data(context: Any, builder: Any, signature: Any, arguments: Any, number: int) -> Any:
    return context.make_array(signature.args[number])(context, builder, arguments[number]).data


def _columns(context: Any, builder: Any, signature: Any, arguments: Any, number: int) -> Any:
    return context.make_array(signature.args[number])(context, builder, arguments[number]).nitems


@contextmanager
def _eights(builder: Any, columns: Any) -> Iterator[Any]:
    with cgutils.for_range_slice(builder, ir.Constant(columns.type, 0), columns, ir.Constant(columns.type, 8)) as (
        i,
        _,
    ):
        yield i


def _pointer(builder: Any, data: Any, place: Any) -> Any:
    return builder.bitcast(builder.gep(data, [place]), _EIGHT.as_pointer())


def _load(builder: Any, data: Any, place: Any) -> Any:
    return builder.load(_pointer(builder, data, place), align=4)


# fired(gains, rows, first, end, inputs): the gains of the rows of gates `first` to `end` - 1, added, times the inputs,
# added in four lanes. `rows` count in rows, `gains` are flat.
fired: Any = intrinsic(_fired)
# learn_row_(gains, row, amount, inputs): add `amount` times the inputs to a row.
learn_row_: Any = intrinsic(_learn)
