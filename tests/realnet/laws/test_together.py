"""Several sessions in one pass over the matrix: the law, and of one alone what it always was."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from realnet import LiveNet, TokenLearner
from realnet.core.state import SHORT_TERM
from realnet.kernels.together import Together
from tests.realnet.laws.lives import Array, lives, on_the_reference


def cut(rows: Array, lengths: list[int]) -> list[Array]:
    return [rows[at : at + length] for at, length in enumerate(lengths)]


def same(one: Together, other: Together) -> bool:
    said = [*zip(one.outputs, other.outputs, strict=True), (one.next, other.next)]
    had = [(a[name], b[name]) for a, b in zip(one.minds, other.minds, strict=True) for name in SHORT_TERM]
    return all(np.array_equal(a, b) for a, b in (*said, *had))


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_it_is_the_law(data: st.DataObject) -> None:
    life = data.draw(lives("literal", ticks=20))
    lengths = data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=8))
    rates = [data.draw(st.sampled_from([0.0, 1e-3, 1e-2, 0.1])) for _ in lengths]
    net = life.create("cpu")
    net.run(life.frames[10:], life.teachers[10:])
    law = on_the_reference(net)
    frames = cut(life.frames, lengths)
    teachers = [data.draw(st.sampled_from([None, each])) for each in cut(life.teachers, lengths)]
    said, told = (each.run_together([None] * len(lengths), frames, teachers, rates) for each in (net, law))
    for one, other in zip(said.outputs, told.outputs, strict=True):
        assert np.abs(one - other).max(initial=0) < 1e-4
    assert np.abs(said.next - told.next).max() < 1e-4
    assert np.abs(net.weights() - law.weights()).max() < 1e-4
    assert net.tick == law.tick == 10 + sum(lengths)
    frame = np.zeros_like(life.frames[:1])  # the net's own mind has gone on by the new weights
    assert np.abs(net.run(frame) - law.run(frame)).max() < 1e-4


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_of_one_session_it_is_an_ordinary_life(data: st.DataObject) -> None:
    life = data.draw(lives("literal", ticks=12))
    rate = data.draw(st.sampled_from([0.0, 1e-2, 0.1]))
    alone, beside = life.create("cpu"), life.create("cpu")
    minds = []
    for net in (alone, beside):
        net.run(life.frames[:5], life.teachers[:5])
        minds.append(net.swap())
    alone.swap(minds[0])
    outputs = alone.run(life.frames[5:], life.teachers[5:], learning_rate=rate, plasticity=float(rate > 0))
    silence = alone.respond()
    alone.swap()
    said = beside.run_together(minds[1:], [life.frames[5:]], [life.teachers[5:]], [rate])
    assert np.array_equal(said.outputs[0], outputs)
    assert np.array_equal(said.next[0], silence)
    assert alone.checkpoint().state_sha256() == beside.checkpoint().state_sha256()


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_cut_changes_no_bit_and_a_silent_session_changes_nothing(data: st.DataObject) -> None:
    life = data.draw(lives("literal", ticks=12))
    lengths = [8, data.draw(st.integers(1, 8)), 5]
    frames, teachers = cut(life.frames, lengths), cut(life.teachers, lengths)
    whole, parts, quiet = (life.create("cpu") for _ in range(3))
    wanted = whole.run_together([None] * 3, frames, teachers)
    first = parts.run_together([None] * 3, [each[:3] for each in frames], [each[:3] for each in teachers])
    left = [s for s in range(3) if lengths[s] > 3]
    after = parts.run_together(
        *([first.minds[s] for s in left], [frames[s][3:] for s in left], [teachers[s][3:] for s in left]), goes_on=True
    )
    assert whole.checkpoint().state_sha256() == parts.checkpoint().state_sha256()
    for place, s in enumerate(left):
        assert np.array_equal(np.vstack([first.outputs[s], after.outputs[place]]), wanted.outputs[s])
        assert np.array_equal(after.minds[place]["x"], wanted.minds[s]["x"])
    quiet.run_together([None] * 4, [*frames, np.zeros_like(frames[0])], [*teachers, None])
    assert quiet.checkpoint().weights_sha256() == whole.checkpoint().weights_sha256()


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_what_is_only_read_makes_no_bit_another_for_those_who_learn(data: st.DataObject) -> None:
    life = data.draw(lives("literal", ticks=9))
    frames, teachers = [life.frames[s:] for s in range(4)], [life.teachers[s:] for s in range(4)]
    rates = [0.0, data.draw(st.sampled_from([0.01, 0.1])), 0.0, 0.02]
    some, every = life.create("cpu"), life.create("cpu")
    said = every.run_together([None] * 4, frames, teachers, rates)
    own = some.run_together([None] * 2, frames[1::2], teachers[1::2], rates[1::2])
    assert all(np.array_equal(a, b) for a, b in zip(said.outputs[1::2], own.outputs, strict=True))
    assert every.checkpoint().weights_sha256() == some.checkpoint().weights_sha256()


@pytest.mark.parametrize("kernel", ["torch"])
def test_a_net_on_another_kernel_lives_it_on_the_cpu(kernel: str) -> None:
    nets = [LiveNet(20, range(8), range(16, 20), "literal", seed=3, kernel=each) for each in ("cpu", kernel)]
    frames, teachers = np.random.default_rng(0).random((2, 5, 8)), np.random.default_rng(1).random((2, 5, 4))
    assert [net.lives_together for net in nets] == [True, False]
    said = [net.run_together([None, None], list(frames), list(teachers)) for net in nets]
    assert same(*said)
    assert (nets[0].weights() == nets[1].weights()).all()
    assert nets[1].kernel == kernel
    assert np.abs(nets[0].run(frames[0]) - nets[1].run(frames[0])).max() < 1e-5


def test_what_no_sessions_can_be_is_refused() -> None:
    net = LiveNet(20, range(8), range(16, 20), "literal", seed=3)
    before, frames = net.checkpoint().state_sha256(), np.zeros((2, 8))
    for arguments, complaint in (
        (([], []), "at least one"),
        (([None], [frames, frames]), "same sessions"),
        (([None], [frames], [frames]), "teachers"),
        (([None], [frames], None, [-1.0]), "learning_rate|rate"),
        (([{"x": np.zeros(3)}], [frames]), "x"),
    ):
        with pytest.raises(ValueError, match=complaint):
            net.run_together(*arguments)
    assert net.checkpoint().state_sha256() == before
    with pytest.raises(ValueError, match="fork"):
        net.fork().run_together([None], [frames])
    with pytest.raises(ValueError, match="surprise"):
        LiveNet(20, range(8), range(16, 20)).run_together([None], [frames])


def test_a_session_of_tokens_says_what_it_says_alone() -> None:
    from realnet.inputs import Input, Turn

    ids = np.frombuffer(b"the cat sat on the mat", np.uint8).astype(np.int32)
    alone, beside = (TokenLearner.create("literal", 400) for _ in range(2))
    own = alone.run(ids)
    [(said, _)] = beside.run_together([Turn(Input(tokens=ids), None, beside.net.learning_rate, 1)])
    for column in ("tick", "token", "predicted", "surprise", "next_token", "next_probability"):
        assert np.array_equal(getattr(said, column), getattr(own, column)), column
    assert alone.checkpoint().weights_sha256() == beside.checkpoint().weights_sha256()
    assert beside.tokens_seen == len(ids)


# As in `test_compiled.py`.
_LIVES = """
import numpy as np
from realnet import LiveNet
for neurons, pruned in ((300, False), (300, True), (257, False), (256, True)):
    random = np.random.default_rng(0)
    dead = random.random((neurons, neurons)) < 0.3
    frames, teachers = random.random((5, 20, 50)), random.random((5, 20, 30))
    lives = set()
    for threads in (1, 2, 4):
        net = LiveNet(neurons, range(50), range(neurons - 30, neurons), "literal", 0.01, threads=threads)
        if pruned:
            net.prune(dead)
        shown, taught = ([each[s:] for s, each in enumerate(rows)] for rows in (frames, teachers))
        said = net.run_together([None] * 5, shown, taught)
        lives.add((net.checkpoint().state_sha256(), *(each.tobytes() for each in said.outputs)))
    assert len(lives) == 1, (neurons, pruned)
"""


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    environment = {**os.environ, "NUMBA_NUM_THREADS": "4"}
    subprocess.run([sys.executable, "-c", _LIVES], env=environment, check=True)
