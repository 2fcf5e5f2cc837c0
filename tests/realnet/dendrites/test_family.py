"""Children of a frozen net: each knows what it knows, and changes only its own."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from realnet import Checkpoint, DendriteLearner, from_checkpoint
from realnet.core.dendrite_packing import unpacked
from realnet.dendrites.birth import LEAST_LINES
from realnet.dendrites.family import child_of, freeze, merge_children, rebase
from realnet.dendrites.parent import Parent
from realnet.dendrites.wiring import Variant

KNOWN = b"".join(b"%d words are told to the net, and word %d is not the last.\n" % (i, i * i) for i in range(30))
OWN = b"".join(b"The secret of customer %d is %d, and not %d.\n" % (i, 7 * i, i * i) for i in range(30))
OTHER = b"".join(b'{"level": "info", "id": %d, "took": %d}\n' % (i, i % 7) for i in range(40))
ROOM = 2**22  # lines, of which few are touched: room for everything


def tokens(text: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(text, np.uint8)


def parent_of(variant: Variant = "fast", text: bytes = KNOWN, lines: int = 2**18) -> Parent:
    learner = DendriteLearner.create(variant, max_lines=2**20)
    learner.net.grow(lines)  # so large that a whole fork has to drop no line either
    learner.run(tokens(text), outputs="none")
    return freeze(learner)


def whole(parent: Parent) -> DendriteLearner:
    """Return a whole fork: a net of its own that goes on from the parent."""
    return DendriteLearner(parent.net(), parent.vocabulary, parent.leaves)


def bits(learner: DendriteLearner, text: bytes) -> float:
    surprise = learner.run(tokens(text), outputs="surprise").surprise
    assert surprise is not None
    return float(surprise.mean())


def sha256(learner: DendriteLearner) -> str:
    return learner.checkpoint().state_sha256()


@pytest.fixture(scope="module")
def parent() -> Parent:
    return parent_of()


def is_the_same(child: DendriteLearner, fork: DendriteLearner, text: bytes) -> bool:
    """Run both, and return whether they said the same to the bit."""
    one, other = (asdict(each.run(tokens(text))) for each in (child, fork))
    return all(np.array_equal(said, other[name]) for name, said in one.items())


@pytest.mark.parametrize("variant", ["fast", "standard", "large"])
def test_a_child_with_room_for_everything_lives_as_a_whole_fork_does(variant: Variant) -> None:
    parent = parent_of(variant, KNOWN[:600], 2**20)
    child, fork = child_of(parent, ROOM), whole(parent)
    assert is_the_same(child, fork, OWN[:500] + KNOWN[300:700])
    assert child.explain(tokens(OWN[:100])) == fork.explain(tokens(OWN[:100]))
    assert child.generator(tokens(OWN[:9]), 0.8, seed=1).step(30) == fork.generator(tokens(OWN[:9]), 0.8, 1).step(30)
    assert np.array_equal(child.net.decisions(), fork.net.decisions())
    assert is_the_same(child, fork, OTHER[:300])


@settings(max_examples=5, deadline=None, derandomize=True)  # where a whole fork dropped a line it would differ
@given(text=st.lists(st.one_of(st.binary(max_size=20), st.sampled_from([KNOWN[:60], OWN[:60]])), max_size=5))
def test_it_does_so_whatever_it_reads(parent: Parent, text: list[bytes]) -> None:
    child, fork = child_of(parent, ROOM), whole(parent)
    assert all(is_the_same(child, fork, piece) for piece in text)


def test_it_does_so_of_other_tokens_and_in_several_contexts() -> None:
    learner = DendriteLearner.create("standard", 2**18, symbols=300)
    learner.net.grow(2**18)
    learner.run(np.arange(500) % 17 * 17, outputs="none")
    parent = freeze(learner)
    child, fork = child_of(parent, ROOM), whole(parent)
    said = []
    for each in (child, fork):
        mind = each.swap()
        said.append(each.run(np.arange(300) * 7 % 299).surprise)
        each.swap(mind)
        said.append(each.run(np.arange(200) % 17 * 17).surprise)
    assert np.array_equal(said[0], said[2])
    assert np.array_equal(said[1], said[3])


def test_children_do_not_see_each_other_and_change_nothing_of_their_parent(parent: Parent) -> None:
    before = [each.tobytes() for each in (*parent.memory, *parent.episodes)]
    texts = [OWN, OTHER, OWN[::-1], KNOWN[::-1]]
    alone = [child_of(parent, LEAST_LINES) for _ in texts]
    for child, text in zip(alone, texts, strict=True):
        child.run(tokens(text))
    together = [child_of(parent, LEAST_LINES) for _ in texts]

    def live(number: int) -> None:
        for start in range(0, len(texts[number]), 50):
            together[number].run(tokens(texts[number][start : start + 50]), outputs="surprise")

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(live, range(4)))
    assert [sha256(each) for each in together] == [sha256(each) for each in alone]
    assert [each.tobytes() for each in (*parent.memory, *parent.episodes)] == before
    with pytest.raises(ValueError, match="read-only"):
        parent.memory.lines[0] = 1


def test_a_child_knows_what_its_parent_knows_and_learns_beside_it(parent: Parent) -> None:
    newborn = DendriteLearner.create("fast")
    child = child_of(parent)
    assert bits(child, KNOWN[:400]) < 0.5 < bits(newborn, KNOWN[:400])
    first = bits(child, OWN)
    assert bits(child, OWN) < first / 2
    assert child.net.tick == parent.tick + 400 + 2 * len(OWN)


def test_where_there_is_no_room_the_parent_speaks_again(parent: Parent) -> None:
    child, roomy = child_of(parent, LEAST_LINES), child_of(parent, 2**18)
    for each in (child, roomy):
        each.run(tokens(OTHER + OWN + OTHER[::-1] + OWN[::-1]))
    assert child.net.memory.used[0] > 0.99 * LEAST_LINES
    assert roomy.net.memory.used[0] > 2 * LEAST_LINES
    assert bits(child, KNOWN) < 2 * bits(whole(parent), KNOWN) + 0.1
    assert child.net.nbytes < 2**20 < roomy.net.nbytes


def test_it_remembers_its_last_tokens_word_for_word(parent: Parent) -> None:
    child = child_of(parent, LEAST_LINES)  # of these it remembers 8,192 tokens
    child.run(tokens(OTHER + OWN * 8), outputs="none")
    opened = DendriteLearner.from_checkpoint(child.checkpoint(), parent=parent)
    assert is_the_same(opened, child, OWN + OTHER + KNOWN)
    assert bits(child, OWN) < 0.2
    assert len(child.checkpoint().arrays["tokens"]) == 2 * LEAST_LINES


def test_a_child_takes_little_memory(parent: Parent) -> None:
    child = child_of(parent, 2**14)
    child.run(tokens(OWN))
    assert child.net.nbytes < 1.5e6 < parent.nbytes


def test_a_checkpoint_has_only_its_own_and_opens_with_its_parent(parent: Parent) -> None:
    child = child_of(parent, 2**13)
    child.run(tokens(OWN))
    file = child.checkpoint().to_bytes()
    assert len(file) < 1.5 * 2**20
    assert Checkpoint.from_bytes(file).config["parent"] == parent.sha256
    opened = DendriteLearner.from_checkpoint(Checkpoint.from_bytes(file), parent=parent)
    assert sha256(opened) == sha256(child)
    assert is_the_same(opened, child, OTHER + KNOWN[:200])
    assert sha256(opened) == sha256(child)
    assert opened.net.nbytes <= child.net.nbytes + 2**16
    with pytest.raises(ValueError, match=f"its parent is {parent.sha256}, and given is none"):
        from_checkpoint(Checkpoint.from_bytes(file))
    other = parent_of(text=OTHER)
    with pytest.raises(ValueError, match=f"its parent is {parent.sha256}, and given is {other.sha256}"):
        DendriteLearner.from_checkpoint(Checkpoint.from_bytes(file), parent=other)
    with pytest.raises(ValueError, match="its parent is none, and given is"):
        DendriteLearner.from_checkpoint(whole(parent).checkpoint(), parent=parent)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("line_rows", 2**13),
        ("line_rows", -1),
        ("gain_rows", 2**30),
        ("map_rows", 2**20),
        ("place_rows", -5),
        ("map_slots", 2**18),
        ("places", -1),
        ("lived", 1),
        ("gains", np.nan),
    ],
)
def test_a_checkpoint_from_outside_is_checked(parent: Parent, name: str, value: float) -> None:
    child = child_of(parent, 2**13)
    child.run(tokens(OWN[:200]))
    checkpoint = child.checkpoint()
    checkpoint.arrays[name].reshape(-1)[0] = value
    with pytest.raises(ValueError, match=name if name != "lived" else "it has lived 1 tokens"):
        DendriteLearner.from_checkpoint(checkpoint, parent=parent)
    for missing in ("lines", "place_rows"):
        arrays = {name: each for name, each in child.checkpoint().arrays.items() if name != missing}
        with pytest.raises(ValueError, match=f"{missing}.* is missing"):
            DendriteLearner.from_checkpoint(Checkpoint(checkpoint.config, arrays), parent=parent)


def test_a_child_goes_over_to_a_newer_parent(parent: Parent) -> None:
    learner = whole(parent)
    learner.run(tokens(OTHER))
    newer = freeze(learner)
    child, stays = child_of(parent, 2**16), child_of(parent, 2**16)
    for each in (child, stays):
        each.run(tokens(OWN))
    own, mind = child.net.memory.lines.copy(), sha256(child)
    rebase(child, parent)
    assert sha256(child) == mind
    rebase(child, newer)
    assert np.array_equal(child.net.memory.lines, own)
    opened = DendriteLearner.from_checkpoint(child.checkpoint(), parent=newer)
    assert sha256(opened) == sha256(child)
    assert bits(child, OTHER) < 0.6 * bits(stays, OTHER)
    assert bits(child, OWN) < 1.1 * bits(stays, OWN)
    with pytest.raises(ValueError, match="other contexts or tokens"):
        rebase(child, parent_of("standard", KNOWN[:100], LEAST_LINES))


def test_a_child_without_room_for_its_gains_is_what_it_was_when_it_is_opened() -> None:
    """Also over a parent that has used fewer rows."""
    text = tokens(bytes(np.random.default_rng(0).integers(32, 120, 3000).astype(np.uint8)))
    young, other = (parent_of(text=each, lines=2**13) for each in (b"young", KNOWN + OTHER))
    child = child_of(young, LEAST_LINES)
    child.run(text)
    for over in (young, other, young):
        rebase(child, over)
        opened = DendriteLearner.from_checkpoint(child.checkpoint(), parent=over)
        assert sha256(opened) == sha256(child)
        for each in (child, opened):
            each.run(tokens(OWN))
        assert sha256(opened) == sha256(child)


def test_children_are_merged_into_a_new_parent(parent: Parent) -> None:
    children = [child_of(parent, 2**16) for _ in range(2)]
    for child, text in zip(children, (OWN, OTHER), strict=True):
        child.run(tokens(text))
    before = [sha256(child) for child in children]
    both = merge_children(parent, children)
    assert [sha256(child) for child in children] == before
    for text in (OWN, OTHER):
        alone = [bits(child_of(each), text) for each in (parent, freeze(both))]
        assert alone[1] < 0.6 * alone[0]
    assert bits(child_of(freeze(both)), KNOWN) < 1.1 * bits(child_of(parent), KNOWN) + 0.02
    known = dict(unpacked(both.checkpoint().arrays))["tokens"]
    assert known.tobytes().strip(b"\0") == KNOWN  # no word of theirs
    for wrong in ([], [whole(parent)], [child_of(parent_of(text=OTHER))]):
        with pytest.raises(ValueError, match=parent.sha256):
            merge_children(parent, wrong)


def test_a_child_says_what_it_does_not_do(parent: Parent) -> None:
    child = child_of(parent)
    assert (child.interface.sleep, child.interface.fit) == (None, None)
    net, refused = child.net, []
    for change in (
        lambda: net.grow(2**18),
        lambda: net.shrink(LEAST_LINES),
        lambda: net.adopt(parent.net()),
        lambda: net.take_lines(net.memory.lines),
        lambda: net.weights(),
        lambda: net.record(np.zeros(1, np.int32)),
        lambda: rebase(whole(parent), parent),
        lambda: net.refit(np.zeros(1, np.float32)),
        lambda: freeze(child),
        lambda: child_of(parent, 1000),
        lambda: freeze(DendriteLearner.create("compact", memory=2**18)),
    ):
        with pytest.raises(ValueError, match=r"child|lines") as error:
            change()
        refused.append(str(error.value))
    assert len(refused) == 11


def test_a_fork_of_a_child_only_reads_and_one_may_adapt(parent: Parent) -> None:
    child = child_of(parent, 2**13)
    child.run(tokens(OWN))
    before = sha256(child)
    fork, adapting = child.fork(), child.fork(adapts=True)
    assert fork.run(tokens(OWN[:300]), 0.0).surprise.mean() > 0
    adapting.run(tokens(OTHER[:300]), 0.0)
    assert sha256(child) == before
    with pytest.raises(ValueError, match="only reads"):
        fork.run(tokens(OWN))
