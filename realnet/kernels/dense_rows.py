"""How `cpu_dense.py` learns rows of the matrix, as vectors of LLVM.

A compiler left to itself takes vectors half as wide, one row at a time, and rounds as it likes. Here several rows are
learnt at once, so that `v` and the sums are read once for all of them, and each rounding is stated: the bits are the
same on every processor with fused multiply-add.
"""

from typing import Any

from llvmlite import ir
from numba.core import cgutils as untyped_cgutils
from numba.core import types
from numba.extending import intrinsic

LANES = 16  # numbers in a vector: 64 bytes, a line of the cache
ROWS = 8  # that are learnt at once
BLOCK = 64  # that one thread learns one after the other

cgutils: Any = untyped_cgutils
FLOAT, DOUBLE, INDEX = ir.FloatType(), ir.DoubleType(), ir.IntType(64)
FLOATS, INDICES, BYTES = (ir.VectorType(kind, LANES) for kind in (FLOAT, INDEX, ir.IntType(8)))
EXTREMES = (("minnum", float("inf")), ("maxnum", float("-inf")))


class Rows:
    """Writes the instructions that learn rows `first` to `first + count`.

    The arrays are as in `cpu_dense.py: _learn_block_`. All columns are stored to whole vectors, and those past `n`
    stay what they are.
    """

    def __init__(self, builder: Any, arrays: Any, first: Any, n: Any, numbers: Any, count: int) -> None:
        U, living, x, v, sums, self._extremes = arrays
        self._builder, self._n, self._v = builder, n, v.data
        self._is_pruned = builder.icmp_signed("!=", living.nitems, INDEX(0))
        width = cgutils.unpack_tuple(builder, U.shape)[1]
        self._sums, self._sources = sums.data, builder.gep(sums.data, [width])
        a, b, keep, shift, amount = cgutils.unpack_tuple(builder, numbers)
        self._folds = builder.or_(
            builder.fcmp_unordered("!=", keep, DOUBLE(1.0)), builder.fcmp_unordered("!=", shift, DOUBLE(0.0))
        )
        self._keep, self._shift, self._less = map(self._spread, (keep, shift, builder.fneg(amount)))
        self._rows, self._strengths = [], []
        for k in range(count):
            i = builder.add(first, INDEX(k))
            start = builder.mul(i, width)
            x_i = builder.fpext(builder.load(builder.gep(x.data, [i])), DOUBLE)
            own, offset = builder.fmul(a, x_i), builder.fmul(x_i, builder.fadd(DOUBLE(1.0), b))
            self._strengths.append(builder.load(builder.gep(v.data, [i])))
            constants = map(self._spread, (own, offset, self._strengths[-1]))
            self._rows.append((builder.gep(U.data, [start]), builder.gep(living.data, [start]), *constants))

    def write(self) -> None:
        """Write a loop over the columns for each kind of net: pruned or not, folding or not."""
        builder = self._builder
        with builder.if_then(builder.not_(self._is_pruned)):
            sources = builder.load(self._sources)  # are those of all columns
            for strength in self._strengths:
                sources = builder.fadd(sources, strength)
            builder.store(sources, self._sources)
        for pruned, is_such in ((False, builder.not_(self._is_pruned)), (True, self._is_pruned)):
            for folds, does in ((False, builder.not_(self._folds)), (True, self._folds)):
                with builder.if_then(builder.and_(is_such, does)):
                    self._loop(pruned, folds)

    def _loop(self, pruned: bool, folds: bool) -> None:
        builder = self._builder
        found = [cgutils.alloca_once(builder, FLOATS) for _ in EXTREMES]
        for (_, worst), place in zip(EXTREMES, found, strict=True):
            builder.store(FLOATS([worst] * LANES), place)
        # The last columns are rounded in another order: so they were in every life that a journal holds.
        whole = builder.and_(self._n, INDEX(-LANES if pruned else -2 * LANES))
        for start, stop, is_end in self._spans(whole):
            with cgutils.for_range_slice(builder, start, stop, INDEX(LANES), inc=True) as (j, _):
                extremes = self._columns(j, pruned, folds, is_end)
                for (name, _), place, extreme in zip(EXTREMES, found, extremes, strict=True):
                    builder.store(self._call(name, builder.load(place), extreme), place)
        for k, ((name, _), place) in enumerate(zip(EXTREMES, found, strict=True)):
            kept = builder.gep(self._extremes.data, [INDEX(k * LANES)])
            self._store(self._call(name, self._load(kept), builder.load(place)), kept)

    def _spans(self, whole: Any) -> list[tuple[Any, Any, bool]]:
        """Return where columns begin and stop, and whether these are the last ones."""
        return [(INDEX(0), whole, False), (whole, self._n, True)]

    def _columns(self, j: Any, pruned: bool, folds: bool, is_end: bool) -> list[Any]:
        """Learn columns j to j + LANES. Returns the lowest and the highest of each."""
        builder = self._builder
        v, total = self._load(builder.gep(self._v, [j])), self._load(at_sum := builder.gep(self._sums, [j]))
        if pruned:
            sources = self._load(at_sources := builder.gep(self._sources, [j]))
        news: list[list[Any]] = [[], []]
        for row, living, own, offset, strength in self._rows:
            old = self._load(at := builder.gep(row, [j]))
            if is_end:
                t = self._call("fmuladd", own, old, builder.fsub(offset, v))
            else:
                t = builder.fsub(self._call("fmuladd", own, old, offset), v)
            kept = self._call("fmuladd", self._keep, old, self._shift) if folds else old
            new = self._call("fmuladd", self._less, self._call("fabs", t), kept)
            added = self._call("fmuladd", strength, new, total)
            if pruned or is_end:
                lives = self._lives(builder.gep(living, [j])) if pruned else self._is_there(j)
                for extremes, (_, worst) in zip(news, EXTREMES, strict=True):
                    extremes.append(builder.select(lives, new, FLOATS([worst] * LANES)))
                new, added = builder.select(lives, new, old), builder.select(lives, added, total)
                if pruned:
                    sources = builder.select(lives, builder.fadd(sources, strength), sources)
            else:
                for extremes in news:
                    extremes.append(new)
            self._store(new, at)
            total = added
        self._store(total, at_sum)
        if pruned:
            self._store(sources, at_sources)
        return [self._joined(name, extremes) for (name, _), extremes in zip(EXTREMES, news, strict=True)]

    def _lives(self, place: Any) -> Any:
        """Return which of the synapses here live."""
        return self._builder.icmp_unsigned("!=", self._load(place, BYTES), BYTES([0] * LANES))

    def _is_there(self, j: Any) -> Any:
        """Return which of the columns from j on are not past the end."""
        left = self._spread(self._builder.sub(self._n, j), INDICES)
        return self._builder.icmp_signed("<", INDICES(list(range(LANES))), left)

    def _joined(self, name: str, values: list[Any]) -> Any:
        """Return the extremes of vectors, by pairs: one chain would wait for itself."""
        while len(values) > 1:
            values = [self._call(name, *values[k : k + 2]) for k in range(0, len(values), 2)]
        return values[0]

    def _load(self, place: Any, kind: Any = FLOATS) -> Any:
        return self._builder.load(self._builder.bitcast(place, kind.as_pointer()), align=1)

    def _store(self, value: Any, place: Any) -> None:
        self._builder.store(value, self._builder.bitcast(place, value.type.as_pointer()), align=1)

    def _spread(self, value: Any, kind: Any = FLOATS) -> Any:
        """Return a vector of one number."""
        if value.type == DOUBLE:
            value = self._builder.fptrunc(value, FLOAT)
        nothing, first = ir.Constant(kind, ir.Undefined), ir.IntType(32)
        single = self._builder.insert_element(nothing, value, first(0))
        return self._builder.shuffle_vector(single, nothing, ir.VectorType(first, LANES)([0] * LANES))

    def _call(self, name: str, *values: Any) -> Any:
        """Return what an instruction makes of vectors; "fmuladd" rounds once, where the processor can."""
        kind = ir.FunctionType(FLOATS, [FLOATS] * len(values))
        function = cgutils.get_or_insert_function(self._builder.module, kind, f"llvm.{name}.v{LANES}f32")
        return self._builder.call(function, values, fastmath=("nnan", "nsz") if name in dict(EXTREMES) else ())


def _learning(count: int) -> Any:
    def learn_(
        context: Any, U: Any, living: Any, x: Any, v: Any, sums: Any, extremes: Any, first: Any, n: Any, numbers: Any
    ) -> Any:
        arrays = U, living, x, v, sums, extremes

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            views = [
                context.make_array(kind)(context, builder, value) for kind, value in zip(arrays, values, strict=False)
            ]
            _, _, _, _, _, _, first, n, numbers = values
            Rows(builder, views, first, n, numbers, count).write()
            return context.get_dummy_value()

        return types.void(*arrays, types.intp, types.intp, numbers), generate

    return intrinsic(learn_)


# Call them from an `exact_inlined_kernel` only, or numba lets the sums be reordered.
learn_rows_, learn_row_ = _learning(ROWS), _learning(1)
