"""Nets of dendrites whose tokens are not the bytes of a text."""

import sys
from pathlib import Path

import numpy as np
import pytest

from realnet import Checkpoint, DendriteLearner, create, from_checkpoint
from realnet.dendrites.wiring import VARIANTS, Variant
from realnet.vocabulary import Bytes, Continuation, Symbols, TokenizerFile, Vocabulary, vocabulary_named
from tests.realnet.vocabularies import bytes_and_words, marked_words, numbered_words, without

TEXT = "the cat sat on the mat, and the dog lay by the door. Über 12 cats? it was not a dog. " * 8
FILE = bytes_and_words()


@pytest.fixture(scope="module")
def taught() -> DendriteLearner:
    learner = DendriteLearner.create(vocabulary=TokenizerFile(FILE))
    learner.run(learner.vocabulary.encode(TEXT))
    return learner


def test_a_text_is_all_there_in_its_tokens(taught: DendriteLearner) -> None:
    tokens = taught.vocabulary.encode(TEXT)
    assert taught.vocabulary.decode(tokens.tolist()) == TEXT
    assert len(tokens) < len(TEXT) / 2
    assert taught.vocabulary.encode("\ud800").tolist() == taught.vocabulary.encode("?").tolist()


def test_it_goes_on_with_what_it_has_read(taught: DendriteLearner) -> None:
    vocabulary = taught.vocabulary
    generator = taught.generator(vocabulary.encode("the dog lay"), temperature=0, seed=0, fresh=True)
    assert vocabulary.decode(generator.step(4)) == " by the door."
    explained = taught.explain(vocabulary.encode("the dog lay by the"))
    assert vocabulary.decode([explained.token]) == " door"
    assert {each.expects for each in explained.recalls if each.expects is not None} <= {explained.token}


def test_what_is_expected_comes_true(taught: DendriteLearner) -> None:
    tokens = taught.vocabulary.encode(TEXT)
    outputs = taught.fork().run(tokens, plasticity=0)
    assert (outputs.predicted == tokens).mean() > 0.95
    assert np.array_equal(outputs.next_token[:-1, 0], outputs.predicted[1:])
    assert outputs.surprise.mean() < 0.5


def test_a_checkpoint_brings_its_vocabulary(taught: DendriteLearner) -> None:
    checkpoint = taught.checkpoint()
    other = from_checkpoint(Checkpoint.from_bytes(checkpoint.to_bytes()))
    assert isinstance(other, DendriteLearner)
    assert other.checkpoint().state_sha256() == checkpoint.state_sha256()
    assert other.interface.is_like(taught.interface)
    tokens = taught.vocabulary.encode("the mat lay on the cat")
    assert np.array_equal(other.fork().run(tokens, 0).surprise, taught.fork().run(tokens, 0).surprise)


@pytest.mark.parametrize("file", [b"", FILE[:-2], numbered_words(9)])
def test_a_checkpoint_with_another_vocabulary_is_none(taught: DendriteLearner, file: bytes) -> None:
    checkpoint = taught.checkpoint()
    damaged = Checkpoint(checkpoint.config, checkpoint.arrays | {"vocabulary": np.frombuffer(file, np.uint8)})
    with pytest.raises(ValueError, match="not a checkpoint of dendrites"):
        from_checkpoint(damaged)


@pytest.mark.parametrize("variant", ["fast", "standard", "large"])
def test_fifty_thousand_tokens(variant: Variant) -> None:
    learner = DendriteLearner.create(variant, vocabulary=TokenizerFile(numbered_words(50_000)))
    told = np.random.default_rng(0).integers(0, 50_000, 40)
    text = " ".join(f"w{id}" for id in told.tolist())
    for _ in range(4):
        outputs = learner.run(learner.vocabulary.encode(text))
    assert outputs.token.tolist() == told.tolist()
    assert (outputs.predicted == told).all()
    assert learner.interface.outputs == learner.vocabulary.size == 50_000


def test_plain_symbols() -> None:
    learner = DendriteLearner.create("fast", symbols=37)
    cycle = np.random.default_rng(1).permutation(37)
    for _ in range(10):
        outputs = learner.run(cycle)
    assert (outputs.predicted == cycle).all()
    assert learner.vocabulary.name == "symbols:37"
    assert learner.vocabulary.decode([3, 36]) == "3 36 "
    with pytest.raises(ValueError, match=r"tokens\[0\] must be in 0 to 36"):
        learner.run([37])
    with pytest.raises(ValueError, match="are no text: send their ids"):
        learner.vocabulary.encode("3 36")
    again = from_checkpoint(learner.checkpoint())
    assert again.checkpoint().state_sha256() == learner.checkpoint().state_sha256()


def test_only_what_is_of_any_tokens_is_left_of_a_variant() -> None:
    plain = VARIANTS["standard"].plain()
    assert plain.contexts == ("order 0", "order 1", "order 2", "order 3", "order 4", "order 6", "skip two")
    assert plain.recalls == VARIANTS["standard"].recalls
    assert plain.somata == (("node", "recall 1", "last", "sure", "recall 2"), ("node", "expected", "last but one"))
    assert (plain.of_text, plain.variant, plain.plain()) == ([], "standard", plain)


def test_tokens_that_begin_alike_are_neighbours_in_the_tree(taught: DendriteLearner) -> None:
    vocabulary = taught.vocabulary
    leaves = vocabulary.order.tolist()
    assert sorted(leaves) == list(range(vocabulary.size))
    places = [leaves.index(vocabulary.encode(word)[0]) for word in (" door", " dog", " cat", "z")]
    assert 0 < places[0] - places[1] < 5
    assert abs(places[1] - places[3]) > 20


@pytest.mark.parametrize("vocabulary", [Bytes(), Symbols(300), TokenizerFile(FILE)])
def test_a_vocabulary_is_found_by_its_name_and_file(vocabulary: Vocabulary) -> None:
    found = vocabulary_named(vocabulary.name, vocabulary.content)
    assert (found.name, found.size, found.is_text) == (vocabulary.name, vocabulary.size, vocabulary.is_text)


@pytest.mark.parametrize("name", ["words", "symbols:", "symbols:1", "symbols:70000", "tokenizers:0123456789ab", None])
def test_what_is_no_vocabulary_is_told(name: object) -> None:
    with pytest.raises(ValueError, match=r"vocabulary|symbols"):
        vocabulary_named(name, FILE)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{}", "not a file of the library tokenizers"),
        (b"\xff", "not a file of the library tokenizers"),
        (without(FILE, "model"), "not a file of the library tokenizers"),
        (numbered_words(70_000), "70000 tokens, must be from 2 to 65536"),
        (numbered_words(1), "1 tokens, must be from 2"),
    ],
)
def test_a_file_that_is_none_is_told_in_a_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=told) as error:
        TokenizerFile.read(path)
    assert "\n" not in str(error.value)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(ValueError, match=r"pip install 'realnet-live\[tokenizers\]'"):
        TokenizerFile(FILE)


def test_what_does_not_go_together_is_told() -> None:
    with pytest.raises(ValueError, match="a vocabulary, or how many symbols"):
        DendriteLearner.create(vocabulary=Bytes(), symbols=3)
    with pytest.raises(ValueError, match="only dendrites take another vocabulary"):
        create("surprise", vocabulary=Symbols(3))


@pytest.mark.parametrize("vocabulary", [Bytes(), TokenizerFile(FILE), TokenizerFile(marked_words())])
def test_tokens_that_come_one_by_one_are_the_same_text(vocabulary: Vocabulary) -> None:
    text = "the cat sat: naïve 🦆, \ufffd; the dog lay" if vocabulary.size > 20 else "the cat sat on the mat"
    tokens = vocabulary.encode(text).tolist()
    for read in range(len(tokens) + 1):
        said = Continuation(vocabulary, tokens[:read])
        pieces = [said.add([token]) for token in tokens[read:]]
        begun = vocabulary.decode(tokens[:read])
        if not begun.endswith("\ufffd"):  # else of a character that began before
            assert begun + "".join(pieces) + said.rest() == text


def test_a_character_that_is_never_completed_is_told_at_the_end() -> None:
    said = Continuation(Bytes())
    assert [said.add([0x61, 0xC3]), said.add([0x62, 0xF0]), said.add([0x9F]), said.rest()] == [
        "a",
        "\ufffdb",
        "",
        "\ufffd",
    ]
