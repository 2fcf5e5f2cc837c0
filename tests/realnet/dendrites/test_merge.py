"""Nets of one ancestor that live apart and merge their lines."""

from collections import Counter
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realnet.dendrites.merge import merged, share_of, with_since
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.share import Share
from realnet.dendrites.wiring import VARIANTS
from tests.realnet.dendrites.test_net import TEXT, copy_of, ids

OTHER = b"Nobody here has read of ships, of harbours, and of 1,001 sails on 12 seas; ships sail. " * 6
texts = st.lists(st.integers(0, len(TEXT) - 200), min_size=1, max_size=4).map(
    lambda starts: [TEXT[start : start + 150][:: 1 if k % 2 else -1] for k, start in enumerate(starts)]
)


@pytest.fixture(scope="module")
def ancestor() -> DendriteNet:
    net = DendriteNet(VARIANTS["fast"], 256, max_lines=2**15)
    net.run(ids(TEXT[:300]), 1.0)
    net.grow(2**15)  # so that all lines find room
    return net


def lived(ancestor: DendriteNet, text: bytes) -> DendriteNet:
    net = copy_of(ancestor)
    net.run(ids(text), 1.0)
    return net


def shares_of(ancestor: DendriteNet, texts: list[bytes]) -> list[Share]:
    lines = ancestor.memory.lines
    return [share_of(f"member {k}", lived(ancestor, text), lines) for k, text in enumerate(texts)]


def lines_of(*tables: NDArray[np.uint32]) -> list[dict[tuple[int, int], list[int]]]:
    """Return the lines of each table by group and name, but for groups of which one table or all together are full."""
    named = [
        {
            (place >> 2, int(lines[place, 0]) >> 9): lines[place].tolist()
            for place in np.flatnonzero(lines[:, 0]).tolist()
        }
        for lines in tables
    ]
    crowd = Counter(group for group, _ in set().union(*named))
    return [{name: line for name, line in each.items() if crowd[name[0]] < 3} for each in named]


@settings(max_examples=10, deadline=None)
@given(texts=texts, idle=st.integers(0, 3))
def test_of_one_that_has_lived_and_others_that_have_not_it_is_that_one(
    ancestor: DendriteNet, texts: list[bytes], idle: int
) -> None:
    alone = lived(ancestor, texts[0])
    shares = shares_of(ancestor, [texts[0], *[b""] * idle])
    there, here = lines_of(merged(ancestor.memory.lines, shares), alone.memory.lines)
    assert there == here
    assert len(here) > 1000


@settings(max_examples=10, deadline=None)
@given(texts=texts, random=st.randoms(use_true_random=False))
def test_the_order_of_members_does_not_matter_and_nothing_is_lost(
    ancestor: DendriteNet, texts: list[bytes], random: Random
) -> None:
    shares = shares_of(ancestor, texts)
    before, lines = ancestor.memory.lines.copy(), merged(ancestor.memory.lines, shares)
    random.shuffle(shares)
    assert np.array_equal(merged(ancestor.memory.lines, shares), lines)
    assert np.array_equal(ancestor.memory.lines, before)
    apart = [lived(ancestor, text).memory.lines for text in texts]
    there, *here = lines_of(lines, before, *apart)
    assert set(there) == set().union(*here)


def test_what_is_learnt_while_others_merge_stays(ancestor: DendriteNet) -> None:
    before, net = ancestor.memory.lines, lived(ancestor, TEXT[300:])
    then = net.memory.lines.copy()
    lines = merged(before, [share_of("1", net, before), share_of("2", lived(ancestor, OTHER), before)])
    assert np.array_equal(with_since(lines, then, then), lines)
    net.run(ids(OTHER[:200]), 1.0)
    alone = merged(before, [share_of("1", lived(ancestor, TEXT[300:]), before)])
    here, there = lines_of(net.memory.lines, with_since(alone, then, net.memory.lines))
    assert there == here
    both = with_since(lines, then, net.memory.lines)
    assert not np.array_equal(both, lines)
    assert np.array_equal(with_since(lines, then, net.memory.lines), both)
    with pytest.raises(ValueError, match="made smaller since"):
        with_since(lines, then, np.zeros((4097, 16), np.uint32))


def test_uses_add_up_and_p_is_what_all_have_heard(ancestor: DendriteNet) -> None:
    """Three that hear the same synapse answer 1, 1 and 0 after it was asked ten times."""
    before = ancestor.memory.lines.copy()
    place = int(np.flatnonzero(before[:, 0])[0])
    before[place, 1:] = 0
    before[place, 1] = 10 << 24 | 128 << 16 | 40_000

    def told(member: str, answer: int) -> Share:
        rows = before[place : place + 1].copy()
        step = int(65536 / 11.5)
        p = 40_000 + ((65_535 - 40_000) * step >> 16) if answer else 40_000 - (40_000 * step >> 16)
        rows[0, 1] = 11 << 24 | (129 if answer else 128) << 16 | p
        share = share_of(member, ancestor, before)
        name = np.array(
            [place & 0xFFC | int(before[place, 0]) >> 12 << 12 | int(before[place, 0]) >> 10 & 3], np.uint32
        )
        return share._replace(names=name, rows=rows)

    word = int(merged(before, [told("a", 1), told("b", 1), told("c", 0)])[place, 1])
    p = 40_000.0
    for n in (10, 11, 12):  # as if each had answered 2/3
        p += (65_535 * 2 / 3 - p) / (n + 1.5)
    assert word >> 24 == 13
    assert word >> 16 & 255 == 129  # of the first of those that were asked most
    assert word % 65536 == pytest.approx(p, abs=60)


def test_who_has_merged_knows_what_the_other_has_read(ancestor: DendriteNet) -> None:
    one, other = lived(ancestor, TEXT[300:]), lived(ancestor, OTHER)
    lines = merged(
        ancestor.memory.lines, [share_of("1", one, ancestor.memory.lines), share_of("2", other, ancestor.memory.lines)]
    )
    unmerged, heard = copy_of(one), copy_of(one)
    heard.take_lines(lines)
    bits = [-np.log2(net.fork().run(ids(OTHER), 0.0).probability).mean() for net in (unmerged, heard)]
    assert bits[1] < bits[0] / 3
    both = copy_of(heard)
    for net in (heard, both):
        net.run(ids(TEXT), 1.0)
    assert np.array_equal(heard.memory.lines, both.memory.lines)
    assert heard.memory.used[0] == np.count_nonzero(heard.memory.lines[:, 0])


def test_one_that_claims_much_counts_no_more_than_twice_the_median(ancestor: DendriteNet) -> None:
    shares = shares_of(ancestor, [TEXT[300:], TEXT[300:], TEXT[300:]])
    rows = shares[2].rows.copy()
    told = rows[:, 1:]
    rows[:, 1:] = np.where(told == 0, 0, 250 << 24 | told & 0xFF0000 | 0xFFFF - (told & 0xFFFF))
    liar = shares[2]._replace(rows=rows)
    bits = []
    for members in (shares, [*shares[:2], liar], [liar]):
        net = copy_of(ancestor)
        net.take_lines(merged(ancestor.memory.lines, members))
        bits.append(-np.log2(net.fork().run(ids(TEXT[300:]), 0.0).probability).mean())
    assert bits[0] < bits[1] < (bits[0] + bits[2]) / 2


def test_a_share_travels_and_what_is_none_is_refused(ancestor: DendriteNet) -> None:
    for share in shares_of(ancestor, [TEXT[300:], b""]):
        there = Share.from_bytes(share.to_bytes())
        assert there[:5] == share[:5]
        assert np.array_equal(there.names, share.names)
        assert np.array_equal(there.rows, share.rows)
    data = shares_of(ancestor, [OTHER])[0].to_bytes()
    for damaged in (b"", b"not a share", data[:-9], data[:200]):
        with pytest.raises(ValueError, match="not a member's share"):
            Share.from_bytes(damaged)


def test_those_that_do_not_belong_together_are_refused(ancestor: DendriteNet) -> None:
    lines, [share] = ancestor.memory.lines, shares_of(ancestor, [OTHER])
    cases: list[tuple[list[Share], str]] = [
        ([], "needs a member"),
        ([share, share], "member 0 is there twice"),
        ([share, share_of("stranger", ancestor, lines[::-1].copy())], "stranger is of another ancestor"),
        ([share, share._replace(member="other", contexts=("order 1",))], "other has other contexts"),
        ([share, share._replace(member="other", symbols=300)], "other has other contexts or tokens"),
    ]
    for shares, why in cases:
        with pytest.raises(ValueError, match=why):
            merged(lines, shares)
    with pytest.raises(ValueError, match="fork only reads"):
        ancestor.fork().take_lines(lines)
