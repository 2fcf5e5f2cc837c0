# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls
# (Triton reads annotations itself, and knows none of Python's types.)
"""What `events_kernel.py` does with the rows of a net's matrix: read those that fired, let them learn, measure all.

`index` and `value` list who fired and how strongly. Rows are taken ROWS at a time, COLS columns of each. A matrix or
an array of extremes is handed over from its first column or row that counts; `columns` is what a row of U takes.
`pruned` is 1 or 0: of a net of which everything lives, `alive` is not read.
"""

import triton
import triton.language as tl


@triton.jit
def total_(value, count, BLOCK: tl.constexpr):
    """Return the sum of a list."""
    total = tl.zeros([BLOCK], tl.float32)
    for first in range(0, count, BLOCK):
        k = first + tl.arange(0, BLOCK)
        total += tl.load(value + k, mask=k < count, other=0.0)
    return tl.sum(total, 0)


@triton.jit
def collect_(U, alive, pruned, columns, a, b, index, value, count, sums, width, ROWS: tl.constexpr, COLS: tl.constexpr):
    """Write `sums`, W^T x of the first `width` columns."""
    for first in range(0, width, COLS):
        j = first + tl.arange(0, COLS)
        total = tl.zeros([ROWS, COLS], tl.float32)
        for start in range(0, count, ROWS):
            k = start + tl.arange(0, ROWS)
            fired = k < count
            amount = tl.load(value + k, mask=fired, other=0.0)
            row = tl.load(index + k, mask=fired, other=0).to(tl.int64)
            place = row[:, None] * columns + j[None, :]
            there = fired[:, None] & (j < width)[None, :]
            weight = a * tl.load(U + place, mask=there, other=0.0) + b
            mortal = fired[:, None] & (j < width * pruned)[None, :]
            living = there & (tl.load(alive + place, mask=mortal, other=1) != 0)
            total += amount[:, None] * tl.where(living, weight, 0.0)
        tl.store(sums + j, tl.sum(total, 0), mask=j < width)


@triton.jit
def learn_(
    U,
    alive,
    pruned,
    columns,
    width,
    a,
    b,
    index,
    value,
    count,
    gain,
    target,
    otherwise,
    kappa,
    extremes,
    n,
    TO_TARGET: tl.constexpr,
    ROWS: tl.constexpr,
    COLS: tl.constexpr,
):
    """Let the first `width` columns of these rows learn; returns the extremes of the rows before, and after.

    U += gain x (1 - 2 |x - (target - kappa x W)|), the gain divided by a before. If it is not only TO_TARGET, FFWF
    towards the target against what it would have been otherwise: |x - (otherwise - kappa x W)| in the place of 1 - |…|.
    """
    nothing = float("inf")
    was_low, was_high = nothing, -nothing
    is_low, is_high = nothing, -nothing
    for start in range(0, count, ROWS):
        k = start + tl.arange(0, ROWS)
        fired = k < count
        source = tl.load(value + k, mask=fired, other=0.0)[:, None]
        row = tl.load(index + k, mask=fired, other=0)
        low, high = tl.full([ROWS], nothing, tl.float32), tl.full([ROWS], -nothing, tl.float32)
        for first in range(0, width, COLS):
            j = first + tl.arange(0, COLS)
            place = row.to(tl.int64)[:, None] * columns + j[None, :]
            there = fired[:, None] & (j < width)[None, :]
            mortal = fired[:, None] & (j < width * pruned)[None, :]
            living = there & (tl.load(alive + place, mask=mortal, other=1) != 0)
            u = tl.load(U + place, mask=living, other=0.0)
            base = source + kappa * source * (a * u + b)
            to_target = tl.abs(base - tl.load(target + j, mask=j < width, other=0.0)[None, :])
            if TO_TARGET:
                change = 1 - 2 * to_target
            else:
                change = tl.abs(base - tl.load(otherwise + j, mask=j < width, other=0.0)[None, :]) - to_target
            u += tl.load(gain + j, mask=j < width, other=0.0)[None, :] * source * change
            tl.store(U + place, u, mask=living)  # by the thread that has read it, as are the extremes below
            low = tl.minimum(low, tl.min(tl.where(living, u, nothing), 1))
            high = tl.maximum(high, tl.max(tl.where(living, u, -nothing), 1))
        was_low = tl.minimum(was_low, tl.min(tl.load(extremes + row, mask=fired, other=nothing), 0))
        was_high = tl.maximum(was_high, tl.max(tl.load(extremes + n + row, mask=fired, other=-nothing), 0))
        is_low, is_high = tl.minimum(is_low, tl.min(low, 0)), tl.maximum(is_high, tl.max(high, 0))
        tl.store(extremes + row, low, mask=fired)
        tl.store(extremes + n + row, high, mask=fired)
    return was_low, was_high, is_low, is_high


@triton.jit
def measure_(
    U, alive, pruned, hidden, n_out, n, a, b, extremes, FOLD: tl.constexpr, ROWS: tl.constexpr, COLS: tl.constexpr
):
    """Write the extremes of all rows, into hidden neurons and into outputs; infinite where nothing lives.

    With FOLD U becomes a U + b first.
    """
    nothing = float("inf")
    columns = hidden + n_out
    for part in range(2):
        begin, end = part * hidden, hidden + part * n_out
        for start in range(0, n, ROWS):
            row = start + tl.arange(0, ROWS)
            low, high = tl.full([ROWS], nothing, tl.float32), tl.full([ROWS], -nothing, tl.float32)
            for first in range(begin, end, COLS):
                j = first + tl.arange(0, COLS)
                place = row.to(tl.int64)[:, None] * columns + j[None, :]
                there = (row < n)[:, None] & (j < end)[None, :]
                mortal = (row < n)[:, None] & (j < end * pruned)[None, :]
                living = there & (tl.load(alive + place, mask=mortal, other=1) != 0)
                u = tl.load(U + place, mask=living, other=0.0)
                if FOLD:
                    u = a * u + b
                    tl.store(U + place, u, mask=living)
                low = tl.minimum(low, tl.min(tl.where(living, u, nothing), 1))
                high = tl.maximum(high, tl.max(tl.where(living, u, -nothing), 1))
            tl.store(extremes + 2 * part * n + row, low, mask=row < n)
            tl.store(extremes + (2 * part + 1) * n + row, high, mask=row < n)


@triton.jit
def bounds_(extremes, n, BLOCK: tl.constexpr):
    """Return the lowest and the highest of all rows, from their extremes: two of each, of each N."""
    nothing = float("inf")
    low, high = tl.full([BLOCK], nothing, tl.float32), tl.full([BLOCK], -nothing, tl.float32)
    for first in range(0, n, BLOCK):
        i = first + tl.arange(0, BLOCK)
        there = i < n
        for part in tl.static_range(2):
            low = tl.minimum(low, tl.load(extremes + 2 * part * n + i, mask=there, other=nothing))
            high = tl.maximum(high, tl.load(extremes + (2 * part + 1) * n + i, mask=there, other=-nothing))
    return tl.min(low, 0), tl.max(high, 0)
