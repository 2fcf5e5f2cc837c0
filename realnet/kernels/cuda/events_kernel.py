# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls
# (Triton reads annotations itself, and knows none of Python's types.)
"""`surprise` and `manifesto` in Triton: one program a net, which lives all ticks of a launch.

The steps are those of `core/ffwf.py: surprise_tick`, in float32. W = a U + b; step 7 changes a and b alone.

All of a net is in global memory, where the threads of its program hand each other what they have computed. Who writes a
number is seldom the thread that reads it next, so between the two there is a `tl.debug_barrier()`, with a word on what
it waits for. (The interpreter has one thread, and would not miss them.) Every sum has one order.
"""

import triton
import triton.language as tl

from realnet.kernels.cuda.events_lists import (
    copy_frame_,
    err_,
    force_,
    list_,
    read_,
    spread_,
    threshold_,
    win_,
    wish_,
    zero_,
)
from realnet.kernels.cuda.events_rows import bounds_, collect_, learn_, measure_, total_


@triton.jit(do_not_specialize=["has_teachers", "ticks", "n_in", "hidden", "n_out", "winners"])
def live_(
    U,  # (S, N, columns)
    alive,  # (S, N, columns), read only of a net that is `pruned`
    pruned,  # (S,)
    scale,  # (S, 4) float64: a, b, lowest and highest of what is not stored
    extremes,  # (S, 4, N): lowest and highest of each row into hidden neurons, and into outputs
    bounds,  # (S, 2): lowest and highest of all
    x,  # (S, N)
    x_before,  # (S, N)
    margins,  # (S, hidden)
    thresholds,  # (S, hidden)
    index,  # (S, 4, N): who fired at the tick before, now and next, which take turns; and the outputs
    value,  # (S, 4, N): how strongly; and their errors
    notes,  # (S, 4, columns): sums, later z; what the outputs ask for; gain; target
    offsets,  # (S T + 1,)
    frame_index,
    frame_value,
    teachers,  # (S, T, n_out)
    has_teachers,
    rates,  # (S,)
    outputs,  # (S, T, n_out)
    ticks,
    n_in,
    hidden,
    n_out,
    winners,
    beta,
    kappa,
    hidden_ratio,
    hidden_kappa,
    margin_slope,
    threshold_rate,
    SOFTMAX: tl.constexpr,
    ROWS: tl.constexpr,
    COLS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    net = tl.program_id(0).to(tl.int64)  # times N times columns is beyond 32 bits
    columns = hidden + n_out
    n = n_in + columns
    U += net * n * columns
    alive += net * n * columns
    scale += net * 4
    extremes += net * 4 * n
    bounds += net * 2
    x += net * n
    x_before += net * n
    margins += net * hidden
    thresholds += net * hidden
    index += net * 4 * n
    value += net * 4 * n
    sums = notes + net * 4 * columns
    felt, gain, wished = sums + columns, sums + 2 * columns, sums + 3 * columns
    is_pruned = tl.load(pruned + net)
    rate = tl.load(rates + net)
    a, b = tl.load(scale), tl.load(scale + 1)
    frozen_low, frozen_high = tl.load(scale + 2), tl.load(scale + 3)
    low, high = tl.load(bounds), tl.load(bounds + 1)

    before_count = list_(x_before, index, value, n, BLOCK)
    count = list_(x, index + n, value + n, n, BLOCK)
    tl.debug_barrier()  # the lists are written

    for t in range(ticks):
        before, now, coming, errors = (t % 3) * n, ((t + 1) % 3) * n, ((t + 2) % 3) * n, 3 * n
        tick = net * ticks + t
        said, teacher = outputs + tick * n_out, teachers + tick * n_out
        A, B = a.to(tl.float32), b.to(tl.float32)

        activity = total_(value + now, count, BLOCK)
        collect_(U, alive, is_pruned, columns, A, B, index + now, value + now, count, sums, columns, ROWS, COLS)
        tl.debug_barrier()  # the sums are written
        read_(sums + hidden, n_out, beta, said, SOFTMAX, BLOCK)

        given = tl.load(teacher, mask=has_teachers != 0, other=float("nan"))
        taught = given == given
        learns = taught & (activity > 0) & (rate > 0)
        if learns:
            eta = rate / (beta * activity) / A
            tl.debug_barrier()  # what the outputs said is written
            err_(
                teacher, said, index + errors, value + errors, n_in + hidden, eta, gain + hidden, n_out, SOFTMAX, BLOCK
            )
            tl.debug_barrier()  # the errors are written
            collect_(
                U, alive, is_pruned, columns, A, B, index + errors, value + errors, n_out, felt, hidden, ROWS, COLS
            )
            tl.debug_barrier()  # what is felt is written; and W as it was has been read, by all
            wish_(felt, margins, gain, wished, hidden, rate * hidden_ratio / A, margin_slope, BLOCK)
            tl.debug_barrier()  # gains and targets are written
            was_low, was_high, new_low, new_high = learn_(
                U + hidden,
                alive + hidden,
                is_pruned,
                columns,
                n_out,
                A,
                B,
                index + now,
                value + now,
                count,
                gain + hidden,
                teacher,
                said,
                kappa,
                extremes + 2 * n,
                n,
                SOFTMAX,
                ROWS,
                COLS,
            )
            hidden_was_low, hidden_was_high, hidden_new_low, hidden_new_high = learn_(
                U,
                alive,
                is_pruned,
                columns,
                hidden,
                A,
                B,
                index + before,
                value + before,
                before_count,
                gain,
                wished,
                wished,
                hidden_kappa,
                extremes,
                n,
                True,
                ROWS,
                COLS,
            )
            tl.debug_barrier()  # rows and their extremes are written
            # Only if a row has learnt that held an extreme of all, those of all rows are looked at.
            if (tl.minimum(was_low, hidden_was_low) <= low) | (tl.maximum(was_high, hidden_was_high) >= high):
                low, high = bounds_(extremes, n, BLOCK)
            else:
                low = tl.minimum(low, tl.minimum(new_low, hidden_new_low))
                high = tl.maximum(high, tl.maximum(new_high, hidden_new_high))
            # 7 weight normalisation
            lowest, highest = tl.minimum(frozen_low, a * low + b), tl.maximum(frozen_high, a * high + b)
            if (highest > lowest) & ((lowest != -2.0) | (highest != 2.0)):
                factor = 4.0 / (highest - lowest)
                a *= factor
                b = (b - lowest) * factor - 2.0
                frozen_low = (frozen_low - lowest) * factor - 2.0
                frozen_high = (frozen_high - lowest) * factor - 2.0
            if (a < 0.5) | (a > 2.0):  # too few bits would be left in U
                A, B = a.to(tl.float32), b.to(tl.float32)
                tl.debug_barrier()  # the extremes have been read, by all
                measure_(U, alive, is_pruned, hidden, n_out, n, A, B, extremes, True, ROWS, COLS)
                tl.debug_barrier()  # the new ones are written
                low, high = bounds_(extremes, n, BLOCK)
                a, b = a / a, b - b  # 1 and 0

        coming_index, coming_value = index + coming, value + coming
        coming_count = copy_frame_(offsets + tick, frame_index, frame_value, coming_index, coming_value, BLOCK)
        if activity > 0:
            if hidden > 0:
                threshold = threshold_(sums, thresholds, learns, threshold_rate, hidden, winners, BLOCK)
                coming_count = win_(
                    sums, threshold, margins, hidden, winners, n_in, coming_index, coming_value, coming_count, BLOCK
                )
        else:
            zero_(margins, hidden, BLOCK)
        if taught:
            coming_count = force_(teacher, n_in + hidden, n_out, coming_index, coming_value, coming_count, BLOCK)
        before_count, count = count, coming_count
        tl.debug_barrier()  # W, margins and the list are written; notes and older lists have been read, by all

    zero_(x_before, n, BLOCK)
    zero_(x, n, BLOCK)
    tl.debug_barrier()  # the zeros are written
    before, now = (ticks % 3) * n, ((ticks + 1) % 3) * n
    spread_(index + before, value + before, before_count, x_before, BLOCK)
    spread_(index + now, value + now, count, x, BLOCK)
    if rate > 0:  # a fork writes nothing of what it shares
        tl.store(scale, a)
        tl.store(scale + 1, b)
        tl.store(scale + 2, frozen_low)
        tl.store(scale + 3, frozen_high)
        tl.store(bounds, low)
        tl.store(bounds + 1, high)


@triton.jit(do_not_specialize=["n_in", "hidden", "n_out"])
def measure_nets_(
    U,
    alive,
    pruned,
    extremes,
    bounds,
    n_in,
    hidden,
    n_out,
    ROWS: tl.constexpr,
    COLS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Write the extremes of all rows of newly opened nets, and of all of each."""
    net = tl.program_id(0).to(tl.int64)
    columns = hidden + n_out
    n = n_in + columns
    U += net * n * columns
    alive += net * n * columns
    extremes += net * 4 * n
    is_pruned = tl.load(pruned + net)
    measure_(U, alive, is_pruned, hidden, n_out, n, 1.0, 0.0, extremes, False, ROWS, COLS)
    tl.debug_barrier()  # the extremes are written
    low, high = bounds_(extremes, n, BLOCK)
    tl.store(bounds + net * 2, low)
    tl.store(bounds + net * 2 + 1, high)
