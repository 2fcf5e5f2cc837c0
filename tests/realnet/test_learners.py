"""What a service asks of a learner, whichever it is."""

from typing import Any

import numpy as np
import pytest

from realnet import FrameLearner, LiveNet, RealNet, TokenLearner
from realnet.inputs import Input, InputError
from realnet.learners import Learner, create
from realnet.outputs import OutputBatch

LEARNERS = ["tokens", "dendrites", "frames"]
every_learner = pytest.mark.parametrize("kind", LEARNERS)


def learner_of(kind: str) -> Learner:
    if kind == "dendrites":
        return create("dendrites")
    return create(num_neurons=656) if kind == "tokens" else create(inputs=3, outputs=2, num_neurons=20)


def some_input(kind: str, ticks: int, seed: int = 0) -> Input:
    random = np.random.default_rng(seed)
    if kind != "frames":
        return Input(tokens=random.integers(0, 256, ticks, dtype=np.int32))
    teachers = np.eye(2, dtype=np.float32)[random.integers(0, 2, ticks)]
    return Input(frames=random.random((ticks, 3), dtype=np.float32), teachers=teachers)


def same(one: OutputBatch, other: OutputBatch, learner: Learner) -> bool:
    return all(np.array_equal(getattr(one, each.name), getattr(other, each.name)) for each in learner.interface.columns)


def test_create_makes_frames_of_widths_and_else_tokens() -> None:
    assert isinstance(learner_of("tokens"), TokenLearner)
    assert isinstance(learner_of("frames"), FrameLearner)
    with pytest.raises(ValueError, match="both inputs and outputs"):
        create(inputs=3)


@every_learner
def test_its_columns_describe_its_outputs(kind: str) -> None:
    learner = learner_of(kind)
    batches = [learner.run_input(some_input(kind, 7))]
    if learner.interface.idle_speaks:
        batches.append(learner.idle(7))
    for batch in batches:
        for column in learner.interface.columns:
            array = getattr(batch, column.name)
            assert array.dtype == column.dtype
            assert array.shape == ((7,) if column.width is None else (7, column.width))


@every_learner
def test_an_input_is_run_in_parts_or_whole(kind: str) -> None:
    whole, parts, given = learner_of(kind), learner_of(kind), some_input(kind, 9)
    expected = whole.run_input(given)
    assert len(expected) == len(given) == 9
    pieces = [parts.run_input(piece) for piece in (given[:2], given[2:3], given[3:])]
    assert same(type(pieces[0]).joined(pieces), expected, whole)
    assert same(expected[3:], pieces[-1], whole)
    assert parts.checkpoint().state_sha256() == whole.checkpoint().state_sha256()


@every_learner
def test_inputs_are_joined_as_they_were_cut(kind: str) -> None:
    given = some_input(kind, 9)
    joined = Input.joined([given[:4], given[4:]])
    for one, other in ((joined.tokens, given.tokens), (joined.frames, given.frames), (joined.teachers, given.teachers)):
        assert np.array_equal(one, other) if other is not None else one is None  # type: ignore[arg-type]


def test_joined_inputs_have_no_teacher_where_one_had_none() -> None:
    frames = np.ones((2, 3), np.float32)
    joined = Input.joined([Input(frames=frames), Input(frames=frames, teachers=np.ones((2, 2), np.float32))])
    assert joined.teachers is not None
    assert np.isnan(joined.teachers).tolist() == [[True, True]] * 2 + [[False, False]] * 2
    assert Input.joined([Input(frames=frames), Input(frames=frames)]).teachers is None


@every_learner
@pytest.mark.parametrize("way", ["run", "dream", "idle"])
def test_the_learning_rate_is_that_of_the_call(kind: str, way: str) -> None:
    """A call at a rate is a call of a net that has this rate; the net's own stays."""

    def live(learner: Learner, learning_rate: float | None = None) -> None:
        learner.run_input(some_input(kind, 5))
        if way == "run":
            learner.run_input(some_input(kind, 20, seed=1), 1.0, learning_rate)
        elif way == "dream":
            learner.dream_input(some_input(kind, 20, seed=1), 3, 1.0, learning_rate)
        else:
            learner.idle(20, 1.0, learning_rate)

    called, own, other = (learner_of(kind) for _ in range(3))
    before = called.net.learning_rate
    live(called, learning_rate=0.7)
    assert called.net.learning_rate == before
    other.run_input(some_input(kind, 5))
    own.run_input(some_input(kind, 5))
    own.net.learning_rate = 0.7
    if way == "run":
        own.run_input(some_input(kind, 20, seed=1))
    elif way == "dream":
        own.dream_input(some_input(kind, 20, seed=1), 3)
    else:
        own.idle(20, 1.0)
    assert called.checkpoint().weights_sha256() == own.checkpoint().weights_sha256()
    learnt = called.checkpoint().weights_sha256() != other.checkpoint().weights_sha256()
    assert learnt == (way != "idle")  # without a teacher nothing is learnt


@pytest.mark.parametrize("rate", [-1.0, float("nan"), 1e7])
def test_a_learning_rate_that_is_none_is_refused(rate: float) -> None:
    net = LiveNet(5, [0], [4])
    before = net.checkpoint().state_sha256()
    with pytest.raises(ValueError, match="learning_rate must be a number from 0 to 1e6"):
        net.run([[1.0]], [[1.0]], learning_rate=rate)
    assert net.checkpoint().state_sha256() == before


@every_learner
def test_the_lead_of_a_dream_is_not_learnt_and_has_no_row(kind: str) -> None:
    learner, other = learner_of(kind), learner_of(kind)
    given = some_input(kind, 12)
    said = learner.dream_input(given, lead=5)
    assert len(said) == 7
    assert learner.net.tick == 12
    whole = other.dream_input(given, lead=5, plasticity=0.0)
    column = "values" if kind == "frames" else "probability"
    first, second = ((getattr(said, column)[t] == getattr(whole, column)[t]).all() for t in (0, 1))
    assert first or kind == "dendrites"  # is said before anything is learnt, but by dendrites bit for bit …
    assert not second  # … and the next after the first was
    assert not isinstance(learner.net, LiveNet) or not learner.net.state.any()
    assert other.checkpoint().weights_sha256() == learner_of(kind).checkpoint().weights_sha256()


@every_learner
def test_warming_up_changes_nothing(kind: str) -> None:
    learner = learner_of(kind)
    learner.run_input(some_input(kind, 5))
    before = learner.checkpoint().state_sha256()
    learner.warm_up()
    assert learner.checkpoint().state_sha256() == before


@every_learner
def test_an_input_of_the_other_kind_is_refused(kind: str) -> None:
    learner = learner_of(kind)
    wrong = some_input("tokens" if kind == "frames" else "frames", 3)
    for call in (learner.run_input, learner.dream_input):
        with pytest.raises(ValueError, match="this net takes"):
            call(wrong)
    with pytest.raises(ValueError, match="either"):
        Input()


def test_only_tokens_are_scored_and_generated() -> None:
    tokens, frames = learner_of("tokens"), learner_of("frames")
    for learner in (tokens, frames):
        assert (learner.score.accuracy, learner.score.surprise, learner.tokens_seen) == (None, None, 0)
    tokens.run_input(some_input("tokens", 5))
    frames.run_input(some_input("frames", 5))
    assert (tokens.score.accuracy, tokens.tokens_seen) == (0.0, 5)
    assert (frames.score.accuracy, frames.tokens_seen) == (None, 0)
    assert tokens.interface.vocabulary is not None
    assert frames.interface.vocabulary is None
    with pytest.raises(ValueError, match="no tokens to generate"):
        frames.generator([], 0.0, 0)


def test_interfaces_are_alike_if_they_take_and_say_the_same() -> None:
    tokens, frames = learner_of("tokens").interface, learner_of("frames").interface
    assert tokens.is_like(learner_of("tokens").interface)
    assert not tokens.is_like(frames)
    assert frames.is_like(create(inputs=3, outputs=2, num_neurons=30).interface)
    assert not frames.is_like(create(inputs=4, outputs=2).interface)


def test_what_is_said_is_tallied_against_what_it_was_made_to_be() -> None:
    learner = learner_of("tokens")
    said = learner.run_input(learner.interface.parse(text="abcabcabc" * 20))
    rows, sums = said.tally()
    assert rows == 180
    assert 0.5 < sums["accuracy"] / rows < 1
    assert sums["surprise"] == float(said.surprise.sum())  # type: ignore[attr-defined]
    frames = learner_of("frames").run_input(some_input("frames", 6))
    frames.values = np.array([[0, 0], [0.9, 0.1], [0, 0], [0.4, 0.6]], np.float32)  # type: ignore[attr-defined]
    teachers = np.array([[0, 0], [1, 0], [0, 0], [1, 0]], np.float32)
    rows, sums = frames.tally(teachers, every=2)
    assert (rows, sums["accuracy"]) == (2, 1.0)
    assert sums["error"] == pytest.approx(0.1 + 0.6)
    with pytest.raises(ValueError, match="teachers"):
        frames.tally()


def test_plain_values_are_read() -> None:
    tokens, frames = learner_of("tokens").interface, learner_of("frames").interface
    for given in (tokens.parse(text="hé"), tokens.parse(tokens=[104, 195, 169])):
        assert given.tokens is not None
        assert given.tokens.tolist() == [104, 195, 169]
    assert len(tokens.parse(text="")) == len(tokens.parse(tokens=[])) == 0
    read = frames.parse(frames=[[0, 0.5, 1], [1, 1, 1]], teachers=[None, [0, 1]])
    assert read.frames is not None
    assert read.frames.tolist() == [[0, 0.5, 1], [1, 1, 1]]
    assert read.teachers is not None
    assert np.isnan(read.teachers[0]).all()
    assert read.teachers[1].tolist() == [0, 1]
    learner_of("frames").run_input(read)


REFUSED: list[tuple[str, dict[str, Any], tuple[Any, ...], str]] = [
    ("tokens", {}, ("text",), "exactly one"),
    ("tokens", {"text": "a", "tokens": [1]}, ("tokens",), "exactly one"),
    ("tokens", {"text": "a", "teachers": [[0, 1]]}, ("teachers",), "frames only"),
    ("tokens", {"tokens": [1, 256]}, ("tokens", 1), "256 tokens"),
    ("tokens", {"tokens": [-1]}, ("tokens", 0), "256 tokens"),
    ("tokens", {"tokens": [0.5]}, ("tokens",), "integers"),
    ("tokens", {"tokens": [[1], [1, 2]]}, ("tokens",), "integers"),
    ("tokens", {"tokens": [2**70]}, ("tokens",), "integers"),
    ("tokens", {"frames": [[0, 0, 0]]}, ("frames",), "send text"),
    ("frames", {"text": "a"}, ("text",), "send frames"),
    ("frames", {"tokens": [1]}, ("tokens",), "send frames"),
    ("frames", {"frames": [[0, 0, 0], [0, 0]]}, ("frames", 1), "2 values, and the net has 3"),
    ("frames", {"frames": [None]}, ("frames", 0), "0 values"),
    ("frames", {"frames": [[0, 0, float("nan")]]}, ("frames", 0), "in [0, 1]"),
    ("frames", {"frames": [[0, 0, "a"]]}, ("frames", 0), "in [0, 1]"),
    ("frames", {"frames": [[0, 0, 0]], "teachers": []}, ("teachers",), "one for each frame"),
    ("frames", {"frames": [[0, 0, 0]], "teachers": [[0, 2]]}, ("teachers", 0), "in [0, 1]"),
]


@pytest.mark.parametrize(("kind", "given", "place", "detail"), REFUSED)
def test_what_a_net_cannot_take_is_refused_by_its_place(
    kind: str, given: dict[str, Any], place: tuple[Any, ...], detail: str
) -> None:
    with pytest.raises(InputError) as refused:
        learner_of(kind).interface.parse(**given)
    assert refused.value.place == place
    assert detail in refused.value.detail
    assert "\n" not in str(refused.value)


def test_they_say_what_they_are() -> None:
    learner = learner_of("tokens")
    learner.run_input(some_input("tokens", 5))
    size = "preset surprise, size 656 neurons (336 in, 64 hidden, 256 out), tick 5, learning rate"
    score = f"surprise {learner.score.surprise:.2f} bits a token, accuracy 0.0%"
    assert repr(learner) == f"<TokenLearner: vocabulary bytes, tokens seen 5, {score}, {size} 3, device cpu>"
    assert repr(learner.fork().net) == f"<LiveNet: {size} none, a fork only reads, device cpu>"
    model = RealNet(5, [0], [4], dynamics="ffwf", preset="surprise")
    assert repr(model) == "RealNet(5 neurons (1 in, 3 hidden, 1 out), surprise dynamics)"
    sparse = "SparseRealNet(5 neurons (1 in, 3 hidden, 1 out), temporal dynamics, 100.0% of its synapses)"
    assert repr(RealNet(5, [0], [4]).make_sparse()) == sparse
    assert repr(learner_of("frames")).startswith("<FrameLearner: preset surprise, size 20 neurons (3 in, 15 hidden, 2")
    assert repr(learner_of("dendrites")).startswith("<DendriteLearner: vocabulary bytes, tokens seen 0, size ")
