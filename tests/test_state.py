"""The one table of a state's arrays: what is made, copied, forked, saved and moved to a device is by it."""

import numpy as np
import pytest

from realnet import LiveNet
from realnet.core.birth import create
from realnet.core.state import PRESETS, SHORT_TERM, TABLE, Params, Preset, check_arrays, silence

every_preset = pytest.mark.parametrize("preset", PRESETS)


def params_of(preset: Preset) -> Params:
    return Params(9, (4, 0, 2), (8, 1), preset)


@every_preset
def test_a_newborn_has_all_that_the_table_says(preset: Preset) -> None:
    params = params_of(preset)
    state = create(params)
    check_arrays(params, state.arrays())
    assert set(TABLE) - set(state.arrays()) == {name for name, layout in TABLE.items() if layout.optional}


@every_preset
def test_a_fork_shares_what_the_table_says_and_a_copy_nothing(preset: Preset) -> None:
    state = create(params_of(preset))
    state.alive = np.ones_like(state.U, np.bool_)
    copy, fork = state.copy().arrays(), state.fork().arrays()
    for name, array in state.arrays().items():
        assert np.array_equal(copy[name], array)
        assert np.array_equal(fork[name], array)
        assert not np.shares_memory(copy[name], array)
        assert (fork[name] is array) == TABLE[name].shared


@every_preset
def test_what_it_has_in_mind_is_swapped_whole(preset: Preset) -> None:
    params = params_of(preset)
    state = create(params)
    mind = {name: array + 1 for name, array in silence(params).items()}
    before = state.swap(mind)
    assert set(before) == set(SHORT_TERM) == {name for name, layout in TABLE.items() if layout.term == "short"}
    assert all(getattr(state, name) is mind[name] for name in SHORT_TERM)
    assert not any(array.any() for array in before.values())


@pytest.mark.parametrize("kernel", ["cpu", "torch", "reference"])
@every_preset
def test_every_kernel_gives_back_all_arrays(preset: Preset, kernel: str) -> None:
    net = LiveNet(9, (4, 0, 2), (8, 1), preset, kernel=kernel)
    net.prune(np.eye(9, dtype=bool))
    net.run(np.eye(3), np.eye(3, 2))
    check_arrays(params_of(preset), net.checkpoint().arrays)
    assert set(net.checkpoint().arrays) == {*TABLE, "order"}
