"""The kernels of `dense.py`. A tick is two launches: `learn_and_collect` over tiles of the matrix, then `settle`.

Nothing of a tick visits the host. `clock` counts the ticks on the device; the activity and the scalars have two slots,
of which tick t reads slot t % 2 and writes the other: so no program reads what another of the same launch writes. There
are no atomics: the sums and extremes of each tile go to a buffer, and `settle` joins them in a fixed order.

What is not explained here is in `cpu_dense.py`. v is nowhere when the matrix is read: each program derives what it
needs of it from `sums` (N: steps 1 and 3 but for the inputs) and their extremes in `ranges`, one column a part of them.
"""

from __future__ import annotations

import triton
import triton.language as tl

# What follows a tick's frame and teacher: the frame's lowest and highest, the teacher's highest, NaN if there is none.
FACTS = tl.constexpr(3)


@triton.jit
def _folds(a: tl.tensor, b: tl.tensor) -> tl.tensor:
    """Return whether W itself is to be written, or too few bits would be left in U."""
    return (a < 0.6) | (a > 1.7) | (tl.abs(b) > 1.0)


@triton.jit
def _ends(
    ranges: tl.tensor, parts: tl.tensor, facts: tl.tensor, PARTS: tl.constexpr
) -> tuple[tl.tensor, tl.tensor, tl.tensor, tl.tensor]:
    """Return the extremes of all before step 4, whether there is a teacher, and whether anything but inputs fires.

    After step 4 what was above the lowest is above 0.
    """
    part = tl.arange(0, PARTS)
    low = tl.min(tl.load(ranges + part, mask=part < parts, other=float("inf")))
    hidden = tl.max(tl.load(ranges + parts + part, mask=part < parts, other=0.0))
    outputs = tl.max(tl.load(ranges + 2 * parts + part, mask=part < parts, other=0.0))
    low = tl.minimum(low, tl.load(facts))
    high = tl.maximum(tl.maximum(hidden, outputs), tl.load(facts + 1))
    taught = tl.load(facts + 2)
    is_taught = taught == taught
    fires = (tl.where(is_taught, hidden, tl.maximum(hidden, outputs)) > low) | (taught > 0)
    return low, high, is_taught, fires


@triton.jit
def _values(
    neuron: tl.tensor,
    sums: tl.tensor,
    given: tl.tensor,
    low: tl.tensor,
    high: tl.tensor,
    is_taught: tl.tensor,
    n: tl.tensor,
    n_in: tl.tensor,
    n_out: tl.tensor,
) -> tuple[tl.tensor, tl.tensor]:
    """Return v of these neurons, and what it is before the teacher."""
    is_input, is_output = neuron < n_in, (neuron >= n - n_out) & (neuron < n)
    at = tl.where(is_input, neuron, neuron - (n - n_out - n_in))
    told = tl.load(given + at, mask=is_input | is_output, other=0.0)
    fired = tl.load(sums + neuron, mask=(neuron >= n_in) & (neuron < n), other=0.0)
    # The plain quotient of a GPU is rounded so that the highest may come out above 1.
    fired = tl.where(high > low, tl.div_rn(fired - low, tl.where(high > low, high - low, 1.0)), 0.0)
    said = tl.where(is_input, told, tl.where(neuron < n, fired, 0.0))
    return tl.where(is_output, tl.where(is_taught, told, said), said), said


@triton.jit
def learn_and_collect(
    U: tl.tensor,
    alive: tl.tensor,
    x: tl.tensor,
    sums: tl.tensor,
    ranges: tl.tensor,
    scale: tl.tensor,
    rate: tl.tensor,
    clock: tl.tensor,
    flags: tl.tensor,
    given: tl.tensor,
    outputs: tl.tensor,
    tile_sums: tl.tensor,
    tile_extremes: tl.tensor,
    n: tl.tensor,
    stride: tl.tensor,
    n_in: tl.tensor,
    n_out: tl.tensor,
    parts: tl.tensor,
    IS_TICK: tl.constexpr,
    IS_PRUNED: tl.constexpr,
    ROWS: tl.constexpr,
    STEP: tl.constexpr,
    COLUMNS: tl.constexpr,
    PARTS: tl.constexpr,
) -> None:
    """Work off one tile, (ROWS, COLUMNS): steps 4 to 7, and step 1 of the next tick. If it is no tick, collect x alone.

    `given` and `outputs` are rings: `clock[2]` is the tick of their first row.
    """
    column_block, row_block = tl.program_id(0), tl.program_id(1)
    t = tl.load(clock)
    here, there = t % 2, 1 - t % 2
    a, b = tl.load(scale + 2 * here), tl.load(scale + 2 * here + 1)
    eta = tl.load(rate)
    row = t - tl.load(clock + 2)
    given += row * (n_in + n_out + FACTS)
    x_here = x + here * n
    j = column_block * COLUMNS + tl.arange(0, COLUMNS)
    first = row_block * ROWS
    rows = tl.minimum(n - first, ROWS)
    if IS_TICK:
        facts = given + n_in + n_out
        low, high, is_taught, fires = _ends(ranges, parts, facts, PARTS)
        fires = fires | (tl.load(facts + 1) > 0)
        is_active = fires | (tl.load(flags + here) != 0)  # else silence: step 8 undoes step 7, a uniform shift, exactly
        learns = is_active & (eta > 0)
        rows = tl.where(is_active, rows, 0)
        v_j, said = _values(j, sums, given, low, high, is_taught, n, n_in, n_out)
    else:
        learns = t < 0  # never
        v_j = tl.load(x_here + j, mask=j < n, other=0.0)

    folds = learns & _folds(a, b)
    keep = tl.where(folds, a, 1.0).to(tl.float32)
    shift = tl.where(folds, b + eta, 0.0).to(tl.float32)
    amount = tl.where(learns, 2 * eta / tl.where(folds, 1.0, a), 0.0).to(tl.float32)
    a32, beyond = a.to(tl.float32), (1.0 + b).to(tl.float32)

    collected = tl.full((STEP, COLUMNS), 0.0, tl.float32)
    living = tl.full((STEP, COLUMNS), 0.0, tl.float32) if IS_PRUNED else tl.full((STEP, 1), 0.0, tl.float32)
    lowest = tl.full((STEP, COLUMNS), float("inf"), tl.float32)
    highest = tl.full((STEP, COLUMNS), float("-inf"), tl.float32)
    for start in range(0, rows, STEP):
        i = first + start + tl.arange(0, STEP)
        x_i = tl.load(x_here + i, mask=i < n, other=0.0)
        if IS_TICK:
            v_i, _ = _values(i, sums, given, low, high, is_taught, n, n_in, n_out)
        else:
            v_i = x_i
        place = i.to(tl.int64)[:, None] * stride + j[None, :]  # beyond 2^31 from N = 46,341 on
        is_there = (i < n)[:, None] & (j < stride)[None, :]  # to the end of the line, so that whole vectors are moved
        lives = (i < n)[:, None] & (j < n)[None, :]
        if IS_PRUNED:
            lives = lives & (tl.load(alive + place, mask=is_there, other=0) != 0)
            living += tl.where(lives, v_i[:, None], 0.0)
        else:
            living += v_i[:, None]
        u = tl.load(U + place, mask=is_there, other=0.0)
        difference = (a32 * x_i)[:, None] * u + ((x_i * beyond)[:, None] - v_j[None, :])
        u = tl.where(lives, keep * u + shift - amount * tl.abs(difference), 0.0)
        if learns:
            tl.store(U + place, u, mask=is_there)
        collected += v_i[:, None] * u
        lowest = tl.minimum(lowest, tl.where(lives, u, float("inf")))
        highest = tl.maximum(highest, tl.where(lives, u, float("-inf")))

    tile_sums += row_block * 2 * n + j
    tl.store(tile_sums, tl.sum(collected, 0), mask=j < n)
    tl.store(tile_sums + n, tl.broadcast_to(tl.sum(living, 0), (COLUMNS,)), mask=j < n)
    tile_extremes += 2 * (row_block * tl.num_programs(0) + column_block)
    tl.store(tile_extremes, tl.min(lowest))
    tl.store(tile_extremes + 1, tl.max(highest))
    if IS_TICK:  # noqa: SIM102 - this is known to the compiler, and the other is not
        if row_block == 0:
            tl.store(x + there * n + j, v_j, mask=j < n)
            is_output = (j >= n - n_out) & (j < n)
            tl.store(outputs + row * n_out + (j - (n - n_out)), said, mask=is_output)
            if column_block == 0:
                tl.store(clock + 1, t)
                tl.store(flags + there, fires.to(tl.int32))
                tl.store(flags + 2, learns.to(tl.int32))


@triton.jit
def settle(
    tile_sums: tl.tensor,
    tile_extremes: tl.tensor,
    collected: tl.tensor,
    sums: tl.tensor,
    ranges: tl.tensor,
    scale: tl.tensor,
    rate: tl.tensor,
    clock: tl.tensor,
    flags: tl.tensor,
    n: tl.tensor,
    n_in: tl.tensor,
    n_out: tl.tensor,
    row_blocks: tl.tensor,
    tiles: tl.tensor,
    IS_TICK: tl.constexpr,
    JOINED: tl.constexpr,
    TILES: tl.constexpr,
    COLUMNS: tl.constexpr,
) -> None:
    """Join what the tiles found: step 8, and of COLUMNS neurons steps 1 and 3 of the next tick."""
    block = tl.program_id(0)
    t = tl.load(clock + 1) if IS_TICK else tl.load(clock)
    here, there = t % 2, 1 - t % 2
    a, b = tl.load(scale + 2 * here), tl.load(scale + 2 * here + 1)
    if IS_TICK:
        learnt = tl.load(flags + 2) != 0
        lows = tl.full((TILES,), float("inf"), tl.float32)
        highs = tl.full((TILES,), float("-inf"), tl.float32)
        for start in range(0, tl.where(learnt, tiles, 0), TILES):
            tile = start + tl.arange(0, TILES)
            lows = tl.minimum(lows, tl.load(tile_extremes + 2 * tile, mask=tile < tiles, other=float("inf")))
            highs = tl.maximum(highs, tl.load(tile_extremes + 2 * tile + 1, mask=tile < tiles, other=float("-inf")))
        folded = learnt & _folds(a, b)
        b = tl.where(folded, 0.0, tl.where(learnt, b + tl.load(rate), b))
        a = tl.where(folded, 1.0, a)
        lowest, highest = a * tl.min(lows) + b, a * tl.max(highs) + b
        stretches = highest > lowest  # not where nothing lives or nothing was learnt: there are no extremes
        factor = 4.0 / tl.where(stretches, highest - lowest, 1.0)
        b = tl.where(stretches, (b - lowest) * factor - 2.0, b)
        a = tl.where(stretches, a * factor, a)
        if block == 0:
            tl.store(scale + 2 * there, a)
            tl.store(scale + 2 * there + 1, b)
            tl.store(clock, t + 1)

    j = block * COLUMNS + tl.arange(0, COLUMNS)
    weighted = tl.full((JOINED, COLUMNS), 0.0, tl.float32)
    living = tl.full((JOINED, COLUMNS), 0.0, tl.float32)
    for start in range(0, row_blocks, JOINED):
        row_block = start + tl.arange(0, JOINED)
        place = (row_block * 2 * n)[:, None] + j[None, :]
        is_there = (row_block < row_blocks)[:, None] & (j < n)[None, :]
        weighted += tl.load(tile_sums + place, mask=is_there, other=0.0)
        living += tl.load(tile_sums + n + place, mask=is_there, other=0.0)
    of_u, of_one = tl.sum(weighted, 0), tl.sum(living, 0)
    s = tl.maximum(a.to(tl.float32) * of_u + b.to(tl.float32) * of_one, 0.0)
    tl.store(collected + j, of_u, mask=j < n)
    tl.store(collected + n + j, of_one, mask=j < n)
    tl.store(sums + j, s, mask=j < n)

    is_output = (j >= n - n_out) & (j < n)
    is_hidden = (j >= n_in) & (j < n - n_out)
    parts = tl.num_programs(0)
    tl.store(ranges + block, tl.min(tl.where(is_hidden | is_output, s, float("inf"))))
    tl.store(ranges + parts + block, tl.max(tl.where(is_hidden, s, 0.0)))
    tl.store(ranges + 2 * parts + block, tl.max(tl.where(is_output, s, 0.0)))


@triton.jit
def speak(
    sums: tl.tensor,
    ranges: tl.tensor,
    given: tl.tensor,
    outputs: tl.tensor,
    n: tl.tensor,
    n_in: tl.tensor,
    n_out: tl.tensor,
    parts: tl.tensor,
    COLUMNS: tl.constexpr,
    PARTS: tl.constexpr,
) -> None:
    """Say what COLUMNS of the outputs would say at a tick at which this is given."""
    output = tl.program_id(0) * COLUMNS + tl.arange(0, COLUMNS)
    low, high, is_taught, _ = _ends(ranges, parts, given + n_in + n_out, PARTS)
    _, said = _values(n - n_out + output, sums, given, low, high, is_taught, n, n_in, n_out)
    tl.store(outputs + output, said, mask=output < n_out)
