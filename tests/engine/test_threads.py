"""How many threads a net of `literal` takes, by how long slices of ticks took."""

import numpy as np
import pytest

from realnet import LiveNet
from service.engine.threads import Threads, warm_up


def live(threads: Threads, seconds: dict[int, float], slices: int = 40) -> None:
    for _ in range(slices):
        threads.took(10, 10 * seconds[threads.now])


@pytest.mark.parametrize(
    ("cores", "seconds", "expected"),
    [
        (1, {1: 1.0}, 1),
        (2, {1: 1.0, 2: 0.6}, 2),
        (2, {1: 1.0, 2: 0.9}, 1),
        (2, {1: 1.0, 2: 3.0}, 1),
        (6, {1: 1.0, 2: 0.6, 4: 0.55}, 2),
        (6, {1: 1.0, 2: 0.6, 4: 0.35}, 4),
    ],
)
def test_it_takes_as_many_threads_as_are_worth_it(cores: int, seconds: dict[int, float], expected: int) -> None:
    threads = Threads(cores)
    live(threads, seconds)
    assert threads.now == expected


def test_it_times_them_again_when_the_rate_drops() -> None:
    threads = Threads(2)
    live(threads, {1: 1.0, 2: 0.6})
    live(threads, {1: 1.0, 2: 1.1})
    assert threads.now == 2, "a little slower is no reason"
    live(threads, {1: 1.0, 2: 30.0})  # somebody else has the other core
    assert threads.now == 1
    live(threads, {1: 2.5, 2: 1.4})
    assert threads.now == 2


def test_only_large_nets_of_literal_take_them() -> None:
    threads = Threads(2)
    small, sparse = LiveNet(40, range(5), [39], "literal"), LiveNet(600, range(5), [599], "surprise")
    assert not threads.apply(small)
    assert not threads.apply(sparse)
    large = LiveNet(600, range(5), [599], "literal")
    warm_up(large, cores=2)
    assert threads.apply(large)
    with pytest.raises(ValueError, match="takes one thread"):
        sparse.use_threads(2)


def test_the_number_of_threads_may_change_in_a_life() -> None:
    frames = np.random.default_rng(0).random((30, 50))
    steady, changing = (LiveNet(300, range(50), [299], "literal", 0.01) for _ in range(2))
    steady.run(frames)
    for k, threads in enumerate((1, 2, 1)):
        changing.use_threads(threads)
        changing.run(frames[10 * k :][:10])
    assert changing.checkpoint().state_sha256() == steady.checkpoint().state_sha256()
