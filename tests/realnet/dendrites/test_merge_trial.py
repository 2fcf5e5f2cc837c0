"""What others tell is tried on what a net has lived through itself."""

from pathlib import Path

import numpy as np
import pytest

from realnet.dendrites.merge import share_of
from realnet.dendrites.merge_trial import tried
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.share import Share
from realnet.dendrites.wiring import VARIANTS
from realnet.tokens.ids import Tokens
from tests.realnet.dendrites.test_net import TEXT, copy_of, ids

ALICE = (Path(__file__).parents[3] / "examples" / "alice.txt").read_bytes()
OWN, LIKE, OTHER = ids(ALICE[1000:6000]), ids(ALICE[6000:16_000]), ids(TEXT)


@pytest.fixture(scope="module")
def ancestor() -> DendriteNet:
    return DendriteNet(VARIANTS["fast"], 256, max_lines=2**14)


def told(member: str, ancestor: DendriteNet, *parts: Tokens) -> Share:
    net = copy_of(ancestor)
    for part in parts:
        net.run(part, 1.0)
    return share_of(member, net, ancestor.memory.lines)


def liar(share: Share) -> Share:
    words = share.rows[:, 1:].copy()
    words = np.where(words == 0, 0, 250 << 24 | words & 0xFF0000 | 0xFFFF - (words & 0xFFFF))
    return share._replace(member="liar", rows=np.concatenate([share.rows[:, :1], words], axis=1).astype(np.uint32))


def test_who_tells_the_contrary_is_bad_and_who_has_read_something_else_is_not(ancestor: DendriteNet) -> None:
    like, other = told("like", ancestor, LIKE), told("other", ancestor, OTHER)
    trial = tried(copy_of(ancestor), OWN, "own", [like, other, liar(like)])
    assert trial.costs["like"] < trial.costs["other"] < 0.1 < 0.4 < trial.costs["liar"]
    assert trial.bad == {"liar"}
    assert trial.is_good
    assert trial.merged < trial.alone


def test_where_all_are_bad_it_is_alone(ancestor: DendriteNet) -> None:
    trial = tried(copy_of(ancestor), OWN, "own", [liar(told("like", ancestor, LIKE))])
    assert trial.bad == {"liar"}
    assert trial.merged == pytest.approx(trial.alone, abs=0.01)


def test_of_too_little_there_is_nothing_to_choose_by(ancestor: DendriteNet) -> None:
    with pytest.raises(ValueError, match="lived 999 tokens since its ancestor, and a trial takes 1000"):
        tried(copy_of(ancestor), OWN[:999], "own", [])
