"""A net over several ranks is, to the bit, that of the kernel `torch` in one process."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realnet import LiveNet
from realnet.kernels import KernelLost
from realnet.kernels.sharded import Ranks
from tests.realnet.laws.lives import on_the_reference
from tests.realnet.laws.others import Others

N, N_IN, N_OUT, TICKS = 70, 12, 6, 8


@pytest.fixture(scope="module")
def others() -> Iterator[Others]:
    others = Others(2)
    yield others
    others.kill()


@pytest.fixture(scope="module", params=[1, 2, 3])
def ranks(request: pytest.FixtureRequest, others: Others, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ranks]:
    ranks = others.join(request.param, tmp_path_factory.mktemp("ranks") / "meeting")
    yield ranks
    others.leave(ranks)


@pytest.fixture(params=[False, True], ids=["whole", "pruned"])
def nets(request: pytest.FixtureRequest, ranks: Ranks) -> tuple[LiveNet, LiveNet]:
    """Return the same net sharded and not."""
    random = np.random.default_rng(7)
    places: list[dict[str, Any]] = [{"device": "sharded"}, {"kernel": "torch"}]
    nets = [LiveNet(N, range(N_IN), range(N - N_OUT, N), "literal", 1e-2, seed=3, **place) for place in places]
    if request.param:
        dead = random.random((N, N)) < 0.3
        for net in nets:
            net.prune(dead)
    return nets[0], nets[1]


def life(ticks: int = TICKS, seed: int = 0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return frames, one of them silent, and teachers, one of them missing."""
    random = np.random.default_rng(seed)
    frames, teachers = random.random((ticks, N_IN)), random.random((ticks, N_OUT))
    frames[1] = 0.0
    teachers[2] = np.nan
    return frames, teachers


def state_of(net: LiveNet) -> str:
    return net.checkpoint().state_sha256()


def test_without_ranks_it_is_refused() -> None:
    with pytest.raises(ValueError, match="this process has joined none"):
        LiveNet(N, range(N_IN), range(N - N_OUT, N), "literal", device="sharded")


def test_it_says_and_learns_the_same(nets: tuple[LiveNet, LiveNet]) -> None:
    sharded, whole = nets
    assert state_of(sharded) == state_of(whole)
    frames, teachers = life()
    assert (sharded.run(frames, teachers) == whole.run(frames, teachers)).all()
    assert (sharded.respond() == whole.respond()).all()
    assert (sharded.state == whole.state).all()
    one_by_one = [sharded.run(frames[t : t + 1], teachers[t : t + 1], 0.5) for t in range(TICKS)]
    assert (np.vstack(one_by_one) == whole.run(frames, teachers, 0.5)).all()
    assert state_of(sharded) == state_of(whole)


def test_its_ticks_are_those_of_the_reference(nets: tuple[LiveNet, LiveNet]) -> None:
    sharded, _ = nets
    for frame, teacher in zip(*life(), strict=True):
        law = on_the_reference(sharded)
        assert np.abs(sharded.run(frame[None], teacher[None]) - law.run(frame[None], teacher[None])).max() < 1e-5
        assert np.abs(sharded.weights() - law.weights()).max() < 1e-5


def test_a_checkpoint_goes_on_anywhere(nets: tuple[LiveNet, LiveNet]) -> None:
    sharded, whole = nets
    for net in nets:
        net.run(*life())
    there = LiveNet.from_checkpoint(sharded.checkpoint(), kernel="torch")
    back = LiveNet.from_checkpoint(whole.checkpoint(), "sharded")
    assert back.kernel == "sharded"
    expected = whole.run(*life(seed=1))
    for net in (there, back):
        assert (net.run(*life(seed=1)) == expected).all()
        assert state_of(net) == state_of(whole)


def test_a_fork_reads_what_its_net_has_learnt_since(nets: tuple[LiveNet, LiveNet]) -> None:
    said = []
    for net in nets:
        net.run(*life())
        fork = net.fork()
        net.run(*life(seed=1))
        said += [fork.run(life(seed=2)[0], plasticity=0), fork.respond()]
    assert (said[0] == said[2]).all()
    assert (said[1] == said[3]).all()
    assert state_of(nets[0]) == state_of(nets[1])


def test_a_mind_is_set_aside(nets: tuple[LiveNet, LiveNet]) -> None:
    for net in nets:
        net.run(*life())
        with net.aside():
            net.run(*life(seed=1))
    assert nets[0].state.any()
    assert (nets[0].state == nets[1].state).all()
    assert state_of(nets[0]) == state_of(nets[1])


def test_other_weights_are_adopted(nets: tuple[LiveNet, LiveNet]) -> None:
    weights = np.random.default_rng(5).uniform(-2, 2, (N, N)).astype(np.float32)
    for net in nets:
        net.adopt(weights)
        net.run(*life())
    assert state_of(nets[0]) == state_of(nets[1])


def test_nets_on_several_threads_take_turns(ranks: Ranks) -> None:
    def create(seed: int, **place: Any) -> LiveNet:
        return LiveNet(N, range(N_IN), range(N - N_OUT, N), "literal", 1e-2, seed=seed, **place)

    def live(net: LiveNet) -> str:
        for frame, teacher in zip(*life(), strict=True):
            net.run(frame[None], teacher[None])
            net.fork().respond()
        return state_of(net)

    with ThreadPoolExecutor(3) as threads:
        sharded = list(threads.map(live, [create(seed, device="sharded") for seed in range(3)]))
    assert sharded == [live(create(seed, kernel="torch")) for seed in range(3)]


def test_what_cannot_be_sharded_is_refused(ranks: Ranks) -> None:
    with pytest.raises(ValueError, match="preset literal alone, and this net's is surprise"):
        LiveNet(N, range(N_IN), range(N - N_OUT, N), device="sharded")
    if ranks.size > 1:
        with pytest.raises(ValueError, match=f"1 blocks of 16 columns, too few for {ranks.size} ranks"):
            LiveNet(9, [0], [8], "literal", device="sharded")
    assert LiveNet(N, range(N_IN), range(N - N_OUT, N), "literal", device="sharded").tick == 0  # they go on


@pytest.mark.parametrize("ranks", [3], indirect=True)
def test_a_lost_rank_ends_all_nets(ranks: Ranks, others: Others) -> None:
    """It is the last one: the ranks are lost for good."""
    first, second = (LiveNet(N, [0], [N - 1], "literal", device="sharded") for _ in range(2))
    others.kill()
    for net in (first, second, first):
        with pytest.raises(KernelLost, match="a rank of the sharded net is lost"):
            net.run(np.ones((3, 1)))
