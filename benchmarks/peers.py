"""Other online learners, each scored on its prediction before it learns: what the presets are compared with."""

import math
from collections import Counter, defaultdict

import numpy as np
import torch
from numpy.typing import NDArray

Hits = NDArray[np.bool_]
Bits = NDArray[np.float32]


def n_gram(data: bytes, order: int) -> Hits:
    """Back-off: the commonest successor of the longest context that has been seen, of at most `order` bytes."""
    seen: list[defaultdict[bytes, Counter[int]]] = [defaultdict(Counter) for _ in range(order + 1)]
    hits = np.zeros(len(data), np.bool_)
    for t, symbol in enumerate(data):
        contexts = [data[t - k : t] for k in range(min(order, t) + 1)]
        known = next((seen[len(c)][c] for c in reversed(contexts) if seen[len(c)][c]), None)
        hits[t] = known is not None and known.most_common(1)[0][0] == symbol
        for context in contexts:
            seen[len(context)][context][symbol] += 1
    return hits


def echo_state_network(data: bytes, units: int = 500, seed: int = 0) -> Hits:
    """A random reservoir (spectral radius .9, 10% dense) whose readout is fitted by recursive least squares."""
    ids, symbols = _symbols(data)
    random = np.random.default_rng(seed)
    inward = random.uniform(-1, 1, (units, symbols))
    recurrent = random.normal(size=(units, units)) * (random.random((units, units)) < 0.1)
    recurrent *= 0.9 / np.abs(np.linalg.eigvals(recurrent)).max()
    readout, inverse = np.zeros((units, symbols)), np.eye(units) * 10.0
    state, hits = np.zeros(units), np.zeros(len(ids), np.bool_)
    for t, symbol in enumerate(ids):
        said = state @ readout
        hits[t] = said.argmax() == symbol
        projected = inverse @ state
        gain = projected / (1.0 + state @ projected)
        inverse -= np.outer(gain, projected)
        said[symbol] -= 1.0
        readout -= np.outer(gain, said)
        state = np.tanh(recurrent @ state + inward[:, symbol])
    return hits


def gru(data: bytes, units: int = 128, window: int = 16, seed: int = 0) -> tuple[Hits, Bits]:
    """One stream, Adam at 3e-3, a step after every window, through which alone gradients flow."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    found, symbols = _symbols(data)
    cell, readout = torch.nn.GRU(symbols, units), torch.nn.Linear(units, symbols)
    optimizer = torch.optim.Adam([*cell.parameters(), *readout.parameters()], lr=3e-3)
    ids = torch.tensor(found)
    one_hot = torch.nn.functional.one_hot(ids, symbols).float()
    hits, bits = np.zeros(len(ids), np.bool_), np.full(len(ids), math.log2(symbols), np.float32)
    state = torch.zeros(1, units)
    for begin in range(0, len(ids) - 1, window):
        end = min(begin + window, len(ids) - 1)
        hidden, state = cell(one_hot[begin:end], state.detach())
        said, wanted = readout(hidden), ids[begin + 1 : end + 1]
        losses = torch.nn.functional.cross_entropy(said, wanted, reduction="none")
        hits[begin + 1 : end + 1] = (said.argmax(1) == wanted).numpy()
        bits[begin + 1 : end + 1] = losses.detach().numpy() / math.log(2)
        optimizer.zero_grad()
        losses.mean().backward()
        optimizer.step()
    return hits, bits


def _symbols(data: bytes) -> tuple[list[int], int]:
    """Return each byte as its place among those that come in the data, and how many those are."""
    places = {symbol: place for place, symbol in enumerate(sorted(set(data)))}
    return [places[symbol] for symbol in data], len(places)
