"""Other online learners, each scored on its prediction before it learns: what the presets are compared with."""

from collections import Counter, defaultdict

import numpy as np
import torch
from numpy.typing import NDArray

SYMBOLS = "abcdefghijklmnopqrstuvwxyz "
Hits = NDArray[np.bool_]


def n_gram(text: str, order: int) -> Hits:
    """Back-off: the commonest successor of the longest context that has been seen, of at most `order` characters."""
    seen: list[defaultdict[str, Counter[str]]] = [defaultdict(Counter) for _ in range(order + 1)]
    hits = np.zeros(len(text), np.bool_)
    for t, character in enumerate(text):
        contexts = [text[t - k : t] for k in range(min(order, t) + 1)]
        known = next((seen[len(c)][c] for c in reversed(contexts) if seen[len(c)][c]), None)
        hits[t] = known is not None and known.most_common(1)[0][0] == character
        for context in contexts:
            seen[len(context)][context][character] += 1
    return hits


def echo_state_network(text: str, units: int = 500, seed: int = 0) -> Hits:
    """A random reservoir (spectral radius .9, 10% dense) whose readout is fitted by recursive least squares."""
    random = np.random.default_rng(seed)
    inward = random.uniform(-1, 1, (units, len(SYMBOLS)))
    recurrent = random.normal(size=(units, units)) * (random.random((units, units)) < 0.1)
    recurrent *= 0.9 / np.abs(np.linalg.eigvals(recurrent)).max()
    readout, inverse = np.zeros((units, len(SYMBOLS))), np.eye(units) * 10.0
    state, hits = np.zeros(units), np.zeros(len(text), np.bool_)
    for t, symbol in enumerate(map(SYMBOLS.index, text)):
        said = state @ readout
        hits[t] = said.argmax() == symbol
        projected = inverse @ state
        gain = projected / (1.0 + state @ projected)
        inverse -= np.outer(gain, projected)
        said[symbol] -= 1.0
        readout -= np.outer(gain, said)
        state = np.tanh(recurrent @ state + inward[:, symbol])
    return hits


def gru(text: str, units: int = 128, window: int = 16, seed: int = 0) -> Hits:
    """One stream, Adam at 3e-3, a step after every window, through which alone gradients flow."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    cell, readout = torch.nn.GRU(len(SYMBOLS), units), torch.nn.Linear(units, len(SYMBOLS))
    optimizer = torch.optim.Adam([*cell.parameters(), *readout.parameters()], lr=3e-3)
    ids = torch.tensor([SYMBOLS.index(character) for character in text])
    one_hot = torch.nn.functional.one_hot(ids, len(SYMBOLS)).float()
    hits, state = np.zeros(len(text), np.bool_), torch.zeros(1, units)
    for begin in range(0, len(text) - 1, window):
        end = min(begin + window, len(text) - 1)
        hidden, state = cell(one_hot[begin:end], state.detach())
        said, wanted = readout(hidden), ids[begin + 1 : end + 1]
        hits[begin + 1 : end + 1] = (said.argmax(1) == wanted).numpy()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(said, wanted).backward()
        optimizer.step()
    return hits
