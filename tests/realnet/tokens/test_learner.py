"""TokenLearner: predict, score, learn; generate; go on from a checkpoint."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import ArrayLike

from realnet import Checkpoint, TokenLearner, TokenOutputs, from_checkpoint
from realnet.core.state import PRESETS, Preset
from realnet.inputs import Input
from realnet.tokens.readout import probabilities, sample
from realnet.vocabulary import Bytes

every_preset = pytest.mark.parametrize("preset", PRESETS)
TEXT = "the cat sat on the mat. the dog sat on the log. " * 12


def learner_of(preset: Preset = "surprise") -> TokenLearner:
    return TokenLearner.create(preset, num_neurons=656)


def assert_equal(one: TokenOutputs, other: TokenOutputs) -> None:
    for each in fields(one):
        assert (getattr(one, each.name) == getattr(other, each.name)).all()


@every_preset
def test_outputs_are_predictions_made_before_the_token_was_seen(preset: Preset) -> None:
    learner = learner_of(preset)
    tokens = learner.vocabulary.encode(TEXT)
    outputs = learner.run(tokens)
    assert (outputs.tick == np.arange(1, len(tokens) + 1)).all()
    assert (outputs.token == tokens).all()
    assert ((outputs.probability > 0) & (outputs.probability < 1)).all()
    assert np.allclose(outputs.surprise, -np.log2(outputs.probability))
    assert (np.diff(outputs.next_probability) <= 0).all()
    # What is expected next is what the prediction of the next token was.
    assert (outputs.next_token[:-1, 0] == outputs.predicted[1:]).all()
    hits = outputs.predicted == outputs.token
    assert (outputs.probability[1:][hits[1:]] == outputs.next_probability[:-1, 0][hits[1:]]).all()
    assert hits[:50].mean() < hits[-50:].mean()


def test_the_score_is_a_moving_one_of_the_same_outputs() -> None:
    learner = learner_of()
    assert (learner.score.accuracy, learner.score.surprise) == (None, None)
    outputs = learner.run(learner.vocabulary.encode(TEXT))
    weights = 0.999 ** np.arange(len(outputs))[::-1]
    hits = outputs.predicted == outputs.token
    assert learner.score.accuracy == pytest.approx(np.average(hits, weights=weights))
    assert learner.score.surprise == pytest.approx(np.average(outputs.surprise, weights=weights), rel=1e-6)


@every_preset
def test_a_stream_may_be_cut_anywhere(preset: Preset) -> None:
    whole, parts = learner_of(preset), learner_of(preset)
    tokens = whole.vocabulary.encode(TEXT * 3)
    expected = whole.run(tokens)
    assert len(tokens) > 1024  # more than is worked off at a time
    cuts = [slice(0, 1), slice(1, 2), slice(2, 1500), slice(1500, None)]
    for piece in cuts:
        outputs = parts.run(tokens[piece])
        for name in ("tick", "token", "predicted", "probability", "surprise"):
            assert (getattr(outputs, name) == getattr(expected[piece], name)).all()
    assert parts.checkpoint().state_sha256() == whole.checkpoint().state_sha256()
    assert parts.tokens_seen == len(tokens)


def test_no_tokens_are_no_tick() -> None:
    learner = learner_of()
    assert len(learner.run([])) == 0
    assert learner.net.tick == 0


@every_preset
def test_a_checkpoint_goes_on_exactly(preset: Preset) -> None:
    learner = learner_of(preset)
    tokens = learner.vocabulary.encode(TEXT)
    learner.run(tokens)
    again = from_checkpoint(Checkpoint.from_bytes(learner.checkpoint().to_bytes()))
    assert isinstance(again, TokenLearner)
    assert (again.tokens_seen, again.score.accuracy) == (learner.tokens_seen, learner.score.accuracy)
    assert_equal(again.run(tokens), learner.run(tokens))
    assert again.checkpoint().state_sha256() == learner.checkpoint().state_sha256()


FORGED: list[tuple[str, dict[str, object], dict[str, object]]] = [
    ("vocabulary is 'words', must be bytes", {"vocabulary": "words"}, {}),
    ("vocabulary is None", {"vocabulary": None}, {}),
    ("fired", {"encoder": {"taps": [2]}}, {}),
    ("taps", {"encoder": {"taps": [], "size": 56, "fired": 8, "seed": 0}}, {}),
    ("taps", {"encoder": {"taps": [2**40], "size": 56, "fired": 8, "seed": 0}}, {}),
    ("fired", {"encoder": {"taps": [2], "size": 56, "fired": 57, "seed": 0}}, {}),
    ("seed", {"encoder": {"taps": [2], "size": 56, "fired": 8, "seed": -1}}, {}),
    ("too few inputs", {"encoder": {"taps": [2, 8], "size": 560, "fired": 8, "seed": 0}}, {}),
    ("", {"encoder": None}, {}),
    ("tokens_seen", {"tokens_seen": -1}, {}),
    ("tokens_seen", {"tokens_seen": None}, {}),
    ("recent", {}, {"recent": np.zeros(7, np.int32)}),
    ("recent", {}, {"recent": np.zeros(8)}),
    ("score", {}, {"score": np.full(3, np.nan)}),
    ("score", {}, {"score": np.zeros(2)}),
    ("gains", {}, {"gains": np.ones(9)}),
    ("gains", {}, {"gains": np.full(10, np.nan)}),
    ("gains", {}, {"gains": np.ones(10, np.float32)}),
]


@pytest.mark.parametrize(("message", "config", "arrays"), FORGED)
def test_what_is_no_checkpoint_of_a_token_net_is_refused(
    message: str, config: dict[str, object], arrays: dict[str, np.ndarray]
) -> None:
    good = learner_of().checkpoint()
    data = Checkpoint(good.config | config, good.arrays | arrays).to_bytes()
    with pytest.raises(ValueError, match="not a checkpoint of a token net") as refused:
        from_checkpoint(Checkpoint.from_bytes(data))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@every_preset
def test_gains_are_learnt_live_alone_and_change_no_weight(preset: Preset) -> None:
    learner = learner_of(preset)
    tokens = learner.vocabulary.encode(TEXT)
    learner.run(tokens)
    gains = learner.checkpoint().arrays["gains"]
    assert gains.shape == (10,)
    assert (gains != 1).any()
    learner.run(tokens, plasticity=0.0)
    learner.dream(tokens)
    learner.fork().run(tokens, plasticity=0.0)
    learner.generator(tokens[:5], 1.0, 0).step(20)
    assert (learner.checkpoint().arrays["gains"] == gains).all()


def test_a_checkpoint_of_before_there_were_gains_begins_with_ones_and_learns_the_same_weights() -> None:
    learner = learner_of()
    tokens = learner.vocabulary.encode(TEXT)
    learner.run(tokens)
    now = learner.checkpoint()
    before = Checkpoint(now.config, {name: array for name, array in now.arrays.items() if name != "gains"})
    older = from_checkpoint(Checkpoint.from_bytes(before.to_bytes()))
    assert (older.checkpoint().arrays["gains"] == 1).all()
    older.run_input(Input(tokens=tokens))
    learner.run(tokens)
    assert older.checkpoint().weights_sha256() == learner.checkpoint().weights_sha256()
    assert older.checkpoint().state_sha256() != learner.checkpoint().state_sha256()


@pytest.mark.parametrize("name", ["vocabulary", "encoder", "tokens_seen", "recent", "score"])
def test_all_of_a_token_net_must_be_there(name: str) -> None:
    good = learner_of().checkpoint()
    config, arrays = ({key: each for key, each in of.items() if key != name} for of in (good.config, good.arrays))
    with pytest.raises(ValueError, match=f"'{name}' is missing"):
        from_checkpoint(Checkpoint(config, arrays))


@every_preset
def test_generation_changes_nothing_and_repeats_by_its_seed(preset: Preset) -> None:
    learner = learner_of(preset)
    learner.run(learner.vocabulary.encode(TEXT))
    before = learner.checkpoint().state_sha256()
    prompt = learner.vocabulary.encode("the " * 500)  # longer than is read at a time
    said = []
    for seed in (1, 1, 2):
        generator = learner.generator(prompt, temperature=1.0, seed=seed)
        assert generator.step(8) == []  # it reads
        said.append(generator.step(20) + generator.step(10))
    assert said[0] == said[1] != said[2]
    assert len(said[0]) == 30
    assert learner.checkpoint().state_sha256() == before


def test_generation_says_what_was_learnt() -> None:
    learner = learner_of()
    learner.run(learner.vocabulary.encode("abcdefgh" * 40))
    generator = learner.generator(learner.vocabulary.encode("abc"), temperature=0, seed=0)
    assert learner.vocabulary.decode(generator.step(10)) == "defghabcde"
    assert learner.vocabulary.decode(learner.generator([], 0, 0).step(4)) == "abcd"  # where the stream stands


@pytest.mark.parametrize("tokens", [[256], [-1], [0.5], [[1]], ["a"], [None], [True, False]])
def test_unknown_tokens_are_refused_whole(tokens: ArrayLike) -> None:
    learner = learner_of()
    learner.run([1, 2, 3])
    before = learner.checkpoint().state_sha256()
    with pytest.raises(ValueError, match="tokens"):
        learner.run(tokens)
    with pytest.raises(ValueError, match="tokens"):
        learner.generator(tokens, 1.0, 0)
    assert learner.checkpoint().state_sha256() == before


def test_what_cannot_be_is_refused() -> None:
    for preset in PRESETS:
        with pytest.raises(ValueError, match="num_neurons must be at least"):
            TokenLearner.create(preset, num_neurons=300)
    for temperature in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="temperature"):
            learner_of().generator([], temperature, 0)


@given(st.text())
def test_the_vocabulary_gives_back_every_text(text: str) -> None:
    vocabulary = Bytes()
    expected = text.encode("utf-8", errors="replace").decode()
    assert vocabulary.decode(vocabulary.encode(text).tolist()) == expected


@given(st.binary())
def test_the_vocabulary_decodes_any_tokens(tokens: bytes) -> None:
    assert Bytes().decode(list(tokens)) == tokens.decode(errors="replace")


@every_preset
def test_probabilities_share_one(preset: Preset) -> None:
    outputs = np.random.default_rng(0).random((50, 256), dtype=np.float32)
    if preset != "literal":
        outputs /= outputs.sum(axis=1, keepdims=True)
    outputs[0] = 0 if preset == "literal" else np.eye(256)[3]  # silent; certain
    said = probabilities(outputs, preset)
    assert np.abs(said.sum(axis=1) - 1).max() < 1e-5
    assert said.min() > 0
    assert (said.argmax(axis=1) == outputs.argmax(axis=1)).all()


def test_samples_follow_the_probabilities_and_the_temperature() -> None:
    probability = np.array([0.1, 0.2, 0.7], np.float32)
    drawn = [sample(probability, 1.0, uniform) for uniform in np.linspace(0, 1, 1000, endpoint=False)]
    assert np.bincount(drawn).tolist() == pytest.approx([100, 200, 700], abs=1)
    cold = [sample(probability, 0.5, uniform) for uniform in np.linspace(0, 1, 1000, endpoint=False)]
    squares = np.array([0.01, 0.04, 0.49]) / 0.54 * 1000
    assert np.bincount(cold).tolist() == pytest.approx(squares.tolist(), abs=1)
    assert sample(probability, 0.0, 0.0) == 2
    assert sample(probability, 0.01, 0.999999) == 2
