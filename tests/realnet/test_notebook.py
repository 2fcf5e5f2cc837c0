"""What a person does with a learner in a notebook: looks at it, lets it talk, keeps it, and draws how it went."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import realnet
from realnet import DendriteLearner, FrameLearner, LiveNet, RealNet, TokenLearner
from realnet.score import Score
from tests.realnet.test_learners import LEARNERS, learner_of, some_input

TEXT = "the cat sat on the mat. the dog sat on the log. " * 12
every_token_learner = pytest.mark.parametrize("kind", ["tokens", "dendrites"])


def taught(kind: str) -> TokenLearner | DendriteLearner:
    learner = learner_of(kind)
    assert isinstance(learner, TokenLearner | DendriteLearner)
    learner.run(learner.vocabulary.encode(TEXT))
    return learner


@pytest.mark.parametrize("kind", LEARNERS)
def test_a_learner_is_a_table_of_what_its_line_says(kind: str) -> None:
    learner = learner_of(kind)
    learner.run_input(some_input(kind, 5))
    assert isinstance(learner, TokenLearner | DendriteLearner | FrameLearner)
    facts, table = learner.facts(), learner._repr_html_()
    assert {"size", "tick", "learning rate"} <= set(facts)
    assert (facts["tick"], "surprise" in facts) == ("5", kind != "frames")
    for name, fact in facts.items():
        assert f"{name} {fact}" in repr(learner)
        assert f">{name}</th>" in table
        assert f">{fact}</td>" in table


def test_a_table_is_html() -> None:
    learner = learner_of("tokens")
    assert isinstance(learner, TokenLearner)
    learner.vocabulary.name = "<&>"  # type: ignore[misc]
    assert "&lt;&amp;&gt;" in learner._repr_html_()


@every_token_learner
def test_it_talks_on_as_its_generator_does_and_stays_as_it_is(kind: str) -> None:
    learner = taught(kind)
    before = learner.checkpoint().state_sha256()
    said = learner.generate("the ", tokens=40, temperature=0.7, seed=3)
    generator = learner.generator(learner.vocabulary.encode("the "), 0.7, 3)
    assert said == learner.vocabulary.decode(generator.step(40))  # the first call gives all of them
    assert len(said) == 40
    assert said == learner.generate("the ", tokens=40, temperature=0.7, seed=3)
    assert learner.generate("the cat s", tokens=8, temperature=0) == "at on th"
    long = TEXT * 4  # which no generator reads in one call
    assert len(learner.generate(long, tokens=5)) == 5
    assert learner.generate("x", tokens=0) == ""
    assert learner.checkpoint().state_sha256() == before


@every_token_learner
def test_it_talks_from_nothing_in_mind_if_fresh(kind: str) -> None:
    learner = taught(kind)
    fresh = learner.generate(tokens=20, fresh=True)
    learner.run(learner.vocabulary.encode("the dog sat"), plasticity=0)
    assert learner.generate(tokens=20, fresh=True) == fresh
    assert learner.generate(tokens=7, temperature=0) == " on the"


def test_a_character_of_several_bytes_is_whole() -> None:
    learner = DendriteLearner.create()
    learner.run(learner.vocabulary.encode("häßlich, " * 30))
    assert learner.generate("h", tokens=8, temperature=0) == "äßlich"
    assert learner.generate("hä", tokens=1, temperature=0) == "\ufffd"  # of two that a sign has


def test_what_cannot_be_said_is_refused() -> None:
    with pytest.raises(ValueError, match="tokens must be at least 0"):
        taught("tokens").generate(tokens=-1)
    with pytest.raises(ValueError, match="no text"):
        DendriteLearner.create(symbols=5).generate("a")


@pytest.mark.parametrize("kind", LEARNERS)
def test_what_is_saved_is_loaded_and_goes_on_exactly(kind: str, tmp_path: Path) -> None:
    learner = learner_of(kind)
    learner.run_input(some_input(kind, 30))
    assert isinstance(learner, TokenLearner | DendriteLearner | FrameLearner)
    learner.save(tmp_path / "it")
    again = realnet.load(tmp_path / "it")
    assert type(again) is type(learner)
    assert [path.name for path in tmp_path.iterdir()] == ["it"]
    assert again.checkpoint().state_sha256() == learner.checkpoint().state_sha256()


def test_a_live_net_is_loaded_too(tmp_path: Path) -> None:
    net = LiveNet(5, [0], [4])
    net.save(str(tmp_path / "net"))
    loaded = realnet.load(str(tmp_path / "net"))
    assert isinstance(loaded, LiveNet)
    assert loaded.checkpoint().state_sha256() == net.checkpoint().state_sha256()


def test_what_is_no_net_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("to be")
    RealNet(5, [0], [4]).save(tmp_path / "model")
    for name in ("text", "model"):
        with pytest.raises(ValueError, match="not a RealNet checkpoint") as refused:
            realnet.load(tmp_path / name)
        assert "\n" not in str(refused.value)


def test_a_file_stays_whole_where_another_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learner, path = taught("tokens"), tmp_path / "it"
    learner.save(path)
    before = path.read_bytes()
    learner.run([1])

    def write_a_part(self: Path, data: bytes) -> None:
        with self.open("wb") as file:
            file.write(data[:100])
        raise OSError("no space is left")

    monkeypatch.setattr(Path, "write_bytes", write_a_part)
    with pytest.raises(OSError, match="no space"):
        learner.save(path)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["it"]


def test_a_plot_has_the_figures_of_the_score() -> None:
    plt = pytest.importorskip("matplotlib.pyplot")
    learner = TokenLearner.create(num_neurons=656)
    tokens = learner.vocabulary.encode(TEXT)
    batches = [learner.run(tokens[:100]), learner.run(tokens[100:], outputs="best")]
    bits, accuracy = learner.plot(*batches)
    score = Score()
    score.update(batches[0].hits.astype(np.float32), batches[0].surprise)
    ticks, surprise = np.array(bits.lines[0].get_data())
    assert ticks[-1] == len(tokens)
    assert surprise[-1] == pytest.approx(learner.score.surprise)
    assert np.array(accuracy.lines[0].get_ydata())[-1] == pytest.approx(learner.score.accuracy)
    assert np.interp(100, ticks, surprise) == pytest.approx(score.surprise, abs=0.1)
    plt.close("all")


def test_what_was_not_computed_is_not_plotted() -> None:
    learner = TokenLearner.create(num_neurons=656)
    with pytest.raises(ValueError, match="ask for outputs best or full"):
        learner.plot(learner.run([1, 2], outputs="surprise"))
    for none in ((), (learner.run([]),)):
        with pytest.raises(ValueError, match="no outputs to plot"):
            learner.plot(*none)


def test_a_plot_without_matplotlib_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    learner = TokenLearner.create(num_neurons=656)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'realnet-live\[plot\]'"):
        learner.plot(learner.run([1, 2]))


@pytest.mark.long
def test_an_example_without_scikit_learn_says_so_in_one_line() -> None:
    program = "import sys; sys.modules['sklearn'] = None; import examples.digits_live"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1].endswith("pip install scikit-learn")
    assert len(ended.stderr.splitlines()) == 1
