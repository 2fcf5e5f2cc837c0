"""How `dense_together.py` learns rows of the matrix with several sessions, as vectors of LLVM.

Each vector of weights is read once, changed by one session after the other while it is in a register, and written once;
then all sessions collect from what it has become. Of one session this is, bit for bit, what `dense_rows.py` does.
"""

from typing import Any

from numba.core import types
from numba.extending import intrinsic

from realnet.kernels.dense_rows import BLOCK, EXTREMES, FLOATS, INDEX, LANES, ROWS, Rows, cgutils

KINDS = 3  # of constants of a row and a session: its own part, the offset, the strength
NUMBERS = 3  # of a session: keep, shift, less


class _RowsTogether(Rows):
    """Writes the instructions that learn `count` rows with `learners` sessions, and have all `sessions` collect.

    The arrays are as in `dense_together.py: _learn_block_`. `places` are the first row, its place in the table, and the
    columns from which on and before which is learnt, and all. They are stored to whole vectors, and those past the end
    stay what they are.
    """

    def __init__(self, builder: Any, arrays: Any, places: Any, learners: Any, sessions: Any, count: int) -> None:
        U, living, v, sums, table, numbers, self._extremes = arrays
        first, self._at, self._begin, self._end, self._n = cgutils.unpack_tuple(builder, places)
        self._builder, self._learners, self._sessions = builder, learners, sessions
        self._is_pruned = builder.icmp_signed("!=", living.nitems, INDEX(0))
        self._width = cgutils.unpack_tuple(builder, U.shape)[1]
        self._v, self._sums, self._table, self._numbers = v.data, sums.data, table.data, numbers.data
        starts = [builder.mul(builder.add(first, INDEX(k)), self._width) for k in range(count)]
        self._places = [(builder.gep(U.data, [start]), builder.gep(living.data, [start])) for start in starts]
        self._now = [cgutils.alloca_once(builder, FLOATS) for _ in range(count)]  # what the weights have become

    def write(self) -> None:
        """Write a loop over the columns for each kind of net, pruned or not."""
        for pruned, is_such in ((False, self._builder.not_(self._is_pruned)), (True, self._is_pruned)):
            with self._builder.if_then(is_such):
                self._loop(pruned, False)

    def _spans(self, whole: Any) -> list[tuple[Any, Any, bool]]:
        builder = self._builder

        def lower(one: Any, other: Any) -> Any:
            return builder.select(builder.icmp_signed("<", one, other), one, other)

        after = builder.select(builder.icmp_signed(">", self._begin, whole), self._begin, whole)
        return [(self._begin, lower(self._end, whole), False), (after, lower(self._end, self._n), True)]

    def _columns(self, j: Any, pruned: bool, folds: bool, is_end: bool) -> list[Any]:
        """Learn columns j to j + LANES. Returns the lowest and the highest of each."""
        builder = self._builder
        olds = [self._load(builder.gep(row, [j])) for row, _ in self._places]
        keep, shift = (self._spread(self._number(INDEX(0), k)) for k in (0, 1))
        kept = [self._call("fmuladd", keep, old, shift) for old in olds]  # the first may fold
        self._change(INDEX(0), j, is_end, olds, kept)
        with cgutils.for_range(builder, self._learners, INDEX(1)) as others:
            now = [builder.load(each) for each in self._now]
            self._change(others.index, j, is_end, now, now)
        news, lives = [builder.load(each) for each in self._now], []
        for (row, living), old, new in zip(self._places, olds, news, strict=True):
            if pruned or is_end:
                lives.append(self._lives(builder.gep(living, [j])) if pruned else self._is_there(j))
                self._store(builder.select(lives[-1], new, old), builder.gep(row, [j]))
            else:
                self._store(new, builder.gep(row, [j]))
        with cgutils.for_range(builder, self._sessions) as all_of_them:
            self._collect(all_of_them.index, j, news, lives, pruned)
        if not lives:
            return [self._joined(name, list(news)) for name, _ in EXTREMES]
        return [
            self._joined(
                name,
                [builder.select(each, new, FLOATS([worst] * LANES)) for each, new in zip(lives, news, strict=True)],
            )
            for name, worst in EXTREMES
        ]

    def _change(self, session: Any, j: Any, is_end: bool, weights: list[Any], kept: list[Any]) -> None:
        """Have a session change the weights, of which so much is kept."""
        builder = self._builder
        v = self._load(builder.gep(self._v, [builder.add(builder.mul(session, self._width), j)]))
        less = self._spread(self._number(session, 2))
        for k, (weight, rest, place) in enumerate(zip(weights, kept, self._now, strict=True)):
            own, offset = (self._spread(self._constant(session, kind, k)) for kind in (0, 1))
            if is_end:
                t = self._call("fmuladd", own, weight, builder.fsub(offset, v))
            else:
                t = builder.fsub(self._call("fmuladd", own, weight, offset), v)
            builder.store(self._call("fmuladd", less, self._call("fabs", t), rest), place)

    def _collect(self, session: Any, j: Any, news: list[Any], lives: list[Any], pruned: bool) -> None:
        """Add what the rows bring to the sums of a session; of a pruned net also which sources reach a column."""
        builder = self._builder
        start = builder.mul(session, builder.mul(INDEX(2), self._width))
        at_sum = builder.gep(self._sums, [builder.add(start, j)])
        at_sources = builder.gep(self._sums, [builder.add(builder.add(start, self._width), j)])
        total = self._load(at_sum)
        sources = self._load(at_sources) if pruned else None
        for k, new in enumerate(news):
            strength = self._spread(self._constant(session, 2, k))
            added = self._call("fmuladd", strength, new, total)
            total = builder.select(lives[k], added, total) if lives else added
            if pruned:
                sources = builder.select(lives[k], builder.fadd(sources, strength), sources)
        self._store(total, at_sum)
        if pruned:
            self._store(sources, at_sources)

    def _number(self, session: Any, kind: int) -> Any:
        at = self._builder.add(self._builder.mul(session, INDEX(NUMBERS)), INDEX(kind))
        return self._builder.load(self._builder.gep(self._numbers, [at]))

    def _constant(self, session: Any, kind: int, row: int) -> Any:
        at = self._builder.add(self._builder.mul(session, INDEX(KINDS * BLOCK)), INDEX(kind * BLOCK + row))
        return self._builder.load(self._builder.gep(self._table, [self._builder.add(self._at, at)]))


def _learning(count: int) -> Any:
    def learn_(
        context: Any,
        U: Any,
        living: Any,
        v: Any,
        sums: Any,
        table: Any,
        numbers: Any,
        extremes: Any,
        places: Any,
        learners: Any,
        sessions: Any,
    ) -> Any:
        arrays = U, living, v, sums, table, numbers, extremes

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            views = [
                context.make_array(kind)(context, builder, value) for kind, value in zip(arrays, values, strict=False)
            ]
            where, of_learners, of_all = values[-3:]
            _RowsTogether(builder, views, where, of_learners, of_all, count).write()
            return context.get_dummy_value()

        return types.void(*arrays, places, types.intp, types.intp), generate

    return intrinsic(learn_)


# Call them from an `exact_inlined_kernel` only, or numba lets the sums be reordered.
learn_rows_together_, learn_row_together_ = _learning(ROWS), _learning(1)
