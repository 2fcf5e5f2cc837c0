# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-calls
# (Triton reads annotations itself, and knows none of Python's types.)
"""What `events_kernel.py` does with a vector of a net: outputs, errors, winners, and lists of who fires.

A list is `index`, `value` and how many; here it is written from front to back, always in ascending order.
"""

import triton
import triton.language as tl

_DIGITS = tl.constexpr(16)  # values of a digit of the winners' threshold
_FEW = tl.constexpr(256)  # hidden neurons that are compared with all of these at a time


@triton.jit
def append_(neuron, amount, on, index, value, count):
    """Append those that are `on` to a list of `count`, in their order; returns how many it has then."""
    place = count + tl.cumsum(on.to(tl.int32), 0) - 1
    tl.store(index + place, neuron, mask=on)
    tl.store(value + place, amount, mask=on)
    return count + tl.sum(on.to(tl.int32), 0)


@triton.jit
def list_(x, index, value, n, BLOCK: tl.constexpr):
    """List who fired, ascending; returns how many."""
    count = 0
    for first in range(0, n, BLOCK):
        i = first + tl.arange(0, BLOCK)
        amount = tl.load(x + i, mask=i < n, other=0.0)
        count = append_(i, amount, amount != 0, index, value, count)
    return count


@triton.jit
def copy_frame_(offsets, frame_index, frame_value, index, value, BLOCK: tl.constexpr):
    """Begin the next list with a frame; returns how many are on in it."""
    begin, end = tl.load(offsets), tl.load(offsets + 1)
    count = (end - begin).to(tl.int32)
    for first in range(0, count, BLOCK):
        k = first + tl.arange(0, BLOCK)
        tl.store(index + k, tl.load(frame_index + begin + k, mask=k < count, other=0), mask=k < count)
        tl.store(value + k, tl.load(frame_value + begin + k, mask=k < count, other=0.0), mask=k < count)
    return count


@triton.jit
def force_(teacher, place, n_out, index, value, count, BLOCK: tl.constexpr):
    """Append the outputs that the teacher has fire; returns how many the list has then."""
    for first in range(0, n_out, BLOCK):
        j = first + tl.arange(0, BLOCK)
        forced = tl.load(teacher + j, mask=j < n_out, other=0.0)
        count = append_(place + j, forced, forced > 0, index, value, count)
    return count


@triton.jit
def read_(sums, n_out, beta, said, SOFTMAX: tl.constexpr, BLOCK: tl.constexpr):
    """Write what the outputs say of their sums, exponentials in float64."""
    if SOFTMAX:
        highest = tl.full([BLOCK], -float("inf"), tl.float32)
        for first in range(0, n_out, BLOCK):
            j = first + tl.arange(0, BLOCK)
            highest = tl.maximum(highest, tl.load(sums + j, mask=j < n_out, other=-float("inf")))
        top = tl.max(highest, 0).to(tl.float64)
        powers = tl.zeros([BLOCK], tl.float64)
        for first in range(0, n_out, BLOCK):
            j = first + tl.arange(0, BLOCK)
            powers += tl.exp(beta * (tl.load(sums + j, mask=j < n_out, other=-float("inf")).to(tl.float64) - top))
        total = tl.sum(powers, 0)
        for first in range(0, n_out, BLOCK):
            j = first + tl.arange(0, BLOCK)
            power = tl.exp(beta * (tl.load(sums + j, mask=j < n_out, other=-float("inf")).to(tl.float64) - top))
            tl.store(said + j, (power / total).to(tl.float32), mask=j < n_out)
    else:
        for first in range(0, n_out, BLOCK):
            j = first + tl.arange(0, BLOCK)
            own = beta * tl.load(sums + j, mask=j < n_out, other=0.0)
            tl.store(said + j, tl.minimum(tl.maximum(own, 0.0), 1.0), mask=j < n_out)


@triton.jit
def err_(teacher, said, index, value, place, eta, gain, n_out, SOFTMAX: tl.constexpr, BLOCK: tl.constexpr):
    """List the outputs with their errors, and write what each gains."""
    for first in range(0, n_out, BLOCK):
        j = first + tl.arange(0, BLOCK)
        there = j < n_out
        error = tl.load(teacher + j, mask=there, other=0.0) - tl.load(said + j, mask=there, other=0.0)
        tl.store(index + j, place + j, mask=there)
        tl.store(value + j, error, mask=there)
        tl.store(gain + j, eta * tl.abs(error) if SOFTMAX else tl.zeros_like(error) + eta, mask=there)


@triton.jit
def wish_(felt, margins, gain, wished, hidden, eta, margin_slope, BLOCK: tl.constexpr):
    """Write what the outputs wish of hidden neurons, and what each gains."""
    for first in range(0, hidden, BLOCK):
        j = first + tl.arange(0, BLOCK)
        there = j < hidden
        asked = tl.load(felt + j, mask=there, other=0.0)
        near = tl.maximum(1 - margin_slope * tl.abs(tl.load(margins + j, mask=there, other=0.0)), 0.0)
        tl.store(gain + j, eta * tl.abs(asked) * near, mask=there)
        tl.store(wished + j, (asked > 0).to(tl.float32), mask=there)


@triton.jit
def threshold_(sums, thresholds, learns, threshold_rate, hidden, winners, BLOCK: tl.constexpr):
    """Put z in the place of the sums of hidden neurons; returns the z of the last winner. Thresholds learn."""
    for first in range(0, hidden, BLOCK):
        j = first + tl.arange(0, BLOCK)
        there = j < hidden
        threshold = tl.load(thresholds + j, mask=there, other=0.0)
        z = tl.load(sums + j, mask=there, other=0.0) - threshold
        tl.store(sums + j, z, mask=there)
        if learns:  # 8
            tl.store(thresholds + j, threshold + threshold_rate * z, mask=there)
    tl.debug_barrier()  # z is written
    # The bits of a float that is at least 0 are in the order of its value, those of others in the opposite one. So the
    # threshold is found digit by digit: the highest with which there are enough at or above it.
    found = tl.sum(tl.zeros([1], tl.uint32), 0)
    for digit in range(8):
        tried = found + (tl.arange(0, _DIGITS).to(tl.uint32) << (28 - 4 * digit))
        reached = tl.zeros([_DIGITS, _FEW], tl.int32)
        for first in range(0, hidden, _FEW):
            j = first + tl.arange(0, _FEW)
            z = tl.load(sums + j, mask=j < hidden, other=0.0)
            bits = tl.where(z == 0, 0.0, z).to(tl.uint32, bitcast=True)  # -0 is 0
            key = tl.where(z < 0, ~bits, bits | 0x80000000)
            reached += ((key[None, :] >= tried[:, None]) & (j < hidden)[None, :]).to(tl.int32)
        enough = (tl.sum(reached, 1) >= winners).to(tl.int32)
        found += (tl.sum(enough, 0) - 1).to(tl.uint32) << (28 - 4 * digit)
    return tl.where(found >= 0x80000000, found ^ 0x80000000, ~found).to(tl.float32, bitcast=True)


@triton.jit
def win_(z, threshold, margins, hidden, winners, place, index, value, count, BLOCK: tl.constexpr):
    """Write how far each is above the threshold, and append the winners, ties by the lowest index."""
    above = tl.zeros([BLOCK], tl.int32)
    for first in range(0, hidden, BLOCK):
        j = first + tl.arange(0, BLOCK)
        above += ((tl.load(z + j, mask=j < hidden, other=0.0) > threshold) & (j < hidden)).to(tl.int32)
    left = winners - tl.sum(above, 0)
    for first in range(0, hidden, BLOCK):
        j = first + tl.arange(0, BLOCK)
        height = tl.load(z + j, mask=j < hidden, other=0.0)
        tl.store(margins + j, height - threshold, mask=j < hidden)
        ties = ((height == threshold) & (j < hidden)).to(tl.int32)
        wins = (j < hidden) & ((height > threshold) | ((ties > 0) & (tl.cumsum(ties, 0) <= left)))
        left -= tl.sum(ties, 0)
        count = append_(place + j, tl.full([BLOCK], 1.0, tl.float32), wins, index, value, count)
    return count


@triton.jit
def zero_(values, n, BLOCK: tl.constexpr):
    for first in range(0, n, BLOCK):
        i = first + tl.arange(0, BLOCK)
        tl.store(values + i, tl.zeros([BLOCK], tl.float32), mask=i < n)


@triton.jit
def spread_(index, value, count, x, BLOCK: tl.constexpr):
    """Write a list into an array of zeros."""
    for first in range(0, count, BLOCK):
        k = first + tl.arange(0, BLOCK)
        i = tl.load(index + k, mask=k < count, other=0)
        tl.store(x + i, tl.load(value + k, mask=k < count, other=0.0), mask=k < count)
