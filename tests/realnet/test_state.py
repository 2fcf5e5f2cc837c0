"""The one table of a state's arrays: what is made, copied, forked, saved and moved to a device is by it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from realnet import Checkpoint, LiveNet, RealNet
from realnet.core.birth import create, whole_matrix
from realnet.core.state import PRESETS, SHORT_TERM, TABLE, Params, Preset, State, check_arrays, silence

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


@every_preset
def test_places_and_ids_say_who_is_who(preset: Preset) -> None:
    params = params_of(preset)
    assert params.order[params.inputs].tolist() == [4, 0, 2]
    assert params.order[params.hidden].tolist() == [1 + 2, 5, 6, 7]
    assert params.order[params.outputs].tolist() == [8, 1]
    assert len(params.order[params.stored]) == params.columns
    assert params.by_birth.tolist() == list(range(9))


def test_neurons_are_appended_without_a_new_id_for_any_other() -> None:
    before = params_of("surprise")
    after = replace(before, num_neurons=11, born=9)
    assert after.order.tolist() == [4, 0, 2, 3, 5, 6, 7, 9, 10, 8, 1]  # the outputs' places shift, their ids stay
    assert [each for each in after.order if each < 9] == before.order.tolist()
    assert (after.input_ids, after.output_ids) == (before.input_ids, before.output_ids)
    assert after.order[np.argsort(after.by_birth)].tolist() == [*before.order, 9, 10]


@pytest.mark.parametrize("preset", ["manifesto", "surprise"])
def test_weights_that_are_drawn_again_stay_who_ever_is_born(preset: Preset) -> None:
    before = params_of(preset)
    after = replace(before, num_neurons=11, born=9)
    scale = np.array([1.0, 0.0, -1.5, 1.75])  # the drawn ones were shrunk
    small, large = (whole_matrix(each, State.blank(each, scale=scale)) for each in (before, after))
    place = {neuron: i for i, neuron in enumerate(after.order)}
    rows = [place[neuron] for neuron in before.order]
    assert (large[rows, before.inputs] == small[:, before.inputs]).all()
    newcomers = large[after.hidden, after.inputs][-2:]
    assert newcomers.any()
    assert (np.abs(newcomers) <= 1.75).all()


def test_a_net_that_has_grown_says_so_in_its_file_and_no_other(tmp_path: Path) -> None:
    before = params_of("surprise")
    after = replace(before, num_neurons=11, born=9)
    for params in (before, after):
        config = {"kind": "net", "tick": 3, "learning_rate": 1.0}
        scale = np.array([1.0, 0.0, -2.0, 2.0])
        checkpoint = Checkpoint.of_net(params, State.blank(params, scale=scale), **config)
        assert ("born" in checkpoint.config["params"]) == (params is after)
        read = Checkpoint.from_bytes(checkpoint.to_bytes())
        assert read.params() == params
        net = LiveNet.from_checkpoint(read)
        net.run(np.eye(3), np.eye(3, 2))
        model = net.to_model()
        model.save(tmp_path / "model")
        again = RealNet.load(tmp_path / "model")
        assert again.params == params
        assert (LiveNet.from_model(again).weights() == net.weights()).all()


@pytest.mark.parametrize("born", [8, 10, 0, 8.5, True])
def test_neurons_cannot_be_born_before_the_outputs_or_after_all(born: int) -> None:
    with pytest.raises(ValueError, match="born is"):
        Params(9, (4, 0, 2), (8, 1), "surprise", born=born)
