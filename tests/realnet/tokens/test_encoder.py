"""Codes: drawn from nothing but the seed and the recent tokens."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet.tokens.encoder import Encoder, dense_taps

TOKENS = st.lists(st.integers(0, 255), min_size=1, max_size=40).map(lambda ids: np.array(ids, np.int32))


@settings(max_examples=50, deadline=None)
@given(tokens=TOKENS, size=st.integers(1, 60), seed=st.integers(0, 2**63 - 1), data=st.data())
def test_each_tap_has_exactly_so_many_neurons_on(tokens: np.ndarray, size: int, seed: int, data: st.DataObject) -> None:
    fired = data.draw(st.integers(1, size))
    encoder = Encoder((1, 3), size, fired, seed)
    frames, _ = encoder.encode(tokens, encoder.start())
    frames.check(encoder.n_in)
    dense = frames.to_dense(encoder.n_in)
    assert set(np.unique(dense)) <= {0, 1}
    assert (dense.reshape(len(tokens), 2, size).sum(axis=2) == fired).all()


@settings(max_examples=50, deadline=None)
@given(tokens=TOKENS, cut=st.integers(0, 40))
def test_a_stream_may_be_cut_anywhere(tokens: np.ndarray, cut: int) -> None:
    encoder = Encoder((2, 5), 50, 4, seed=3)
    whole, recent = encoder.encode(tokens, encoder.start())
    first, between = encoder.encode(tokens[:cut], encoder.start())
    second, after = encoder.encode(tokens[cut:], between)
    assert (np.concatenate([first.index, second.index]) == whole.index).all()
    assert (after == recent).all()


def test_a_code_is_of_the_last_tokens_and_no_others() -> None:
    encoder = Encoder((3,), 4096, 8, seed=0)
    frames, _ = encoder.encode(np.array([9, 1, 2, 3, 8, 1, 2, 3, 2, 1, 3], np.int32), encoder.start())
    codes = frames.index.reshape(-1, 8)
    assert (codes[3] == codes[7]).all()
    assert not (codes[3] == codes[10]).all()  # order counts
    assert len({code.tobytes() for code in codes}) == 10
    other, _ = Encoder((3,), 4096, 8, seed=1).encode(np.array([9, 1, 2, 3], np.int32), encoder.start())
    assert not (other.index.reshape(-1, 8)[3] == codes[3]).all()


def test_codes_are_spread_evenly() -> None:
    """Every neuron equally often, within five standard deviations, and pairs hardly overlap."""
    encoder = Encoder((2,), 64, 8, seed=0)
    tokens = np.random.default_rng(0).integers(0, 256, 20_000).astype(np.int32)
    frames, _ = encoder.encode(tokens, encoder.start())
    counts = np.bincount(frames.index, minlength=64)
    expected = 20_000 * 8 / 64
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected * (1 - 8 / 64))


def test_the_codes_of_a_seed_are_these_for_ever() -> None:
    """A snapshot holds the seed, not the codes: were they drawn in another way, it would wake up a stranger."""
    encoder = Encoder((2, 3), 4096, 4, seed=7)
    frames, _ = encoder.encode(np.array([104, 101], np.int32), encoder.start())
    assert frames.index.tolist() == [
        26,
        1036,
        2855,
        3220,
        4422,
        5304,
        7178,
        7336,
        1017,
        1309,
        1965,
        2719,
        6429,
        7212,
        7215,
        7283,
    ]


@pytest.mark.parametrize("count", [30, 96, 97])
def test_dense_codes_are_balanced(count: int) -> None:
    encoder = dense_taps(count, (2, 3, 4), seed=0)
    frames, _ = encoder.encode(np.array([1, 2], np.int32), encoder.start())
    assert encoder.size == count // 3
    assert (frames.to_dense(encoder.n_in).reshape(2, 3, -1).sum(axis=2) == encoder.size // 2).all()
