"""Merge in a process of its own: `python -m service.jobs.merge_worker DIRECTORY`; `service.jobs.worker` is its frame.

Beside the fork, the net as its share was taken, it finds `tokens.npy`, what the net lived through last, `ancestor`, a
snapshot (none: a newborn), `share-…` of the others, and `options.json`: the name of this member, whether it chooses
whom to merge with, and whether what it has learnt `is_in` the merge. It makes the fork, or the ancestor of one that is
not in it, with the merged lines, if they are good on what it lived through, and `share-own`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.merge import merged, sha256_of, share_of
from realnet.dendrites.merge_trial import MOST_WORSE, tried
from realnet.dendrites.net import DendriteNet
from realnet.dendrites.share import Share
from service.jobs.process import ANCESTOR, FORK, MADE, OPTIONS, SHARE, TOKENS
from service.jobs.worker import Reports, work


def merge_in(directory: Path, reports: Reports) -> dict[str, Any]:
    """Merge what is in a directory, and return the figures; those of a merge that cannot be say why."""
    left_out: dict[str, str] = {}
    try:
        return {"left_out": left_out} | _merged(directory, left_out)
    except ValueError as error:
        return {"left_out": left_out, "why": str(error)}


def _merged(directory: Path, left_out: dict[str, str]) -> dict[str, Any]:
    """Merge, and say who is `left_out` and why. Raises ValueError."""
    options = json.loads((directory / OPTIONS).read_text())
    chooses = options["chooses"]
    learner = _learner(directory / FORK)
    ancestor = _ancestor(directory / ANCESTOR, learner)
    own = share_of(options["member"], learner.net, ancestor.net.memory.lines)
    (directory / f"{SHARE}own").write_bytes(own.to_bytes())
    others = _shares(directory, own, learner.net.max_lines, left_out)
    if left_out and not chooses:
        raise ValueError(f"a member cannot be merged with: {next(iter(left_out.values()))}")
    if not others:
        raise ValueError("there is nobody to merge with")
    tokens = np.load(directory / TOKENS, allow_pickle=False)
    lived = learner.leaves.of_tokens[tokens[max(0, len(tokens) - learner.tokens_seen + ancestor.tokens_seen) :]]
    lines = ancestor.net.memory.lines.copy()  # in the trial the ancestor lives on
    trial = tried(ancestor.net, lived, own.member, list(others.values()))
    bits = {"bits_alone": trial.alone, "bits_merged": trial.merged}
    for name, share in others.items():
        if share.member in trial.bad:
            left_out[name] = (
                f"with it this net would predict {trial.costs[share.member]:.0%} worse what it lived through"
            )
    if trial.bad and not chooses:
        return bits | {"why": f"a member is bad: {next(iter(left_out.values()))}"}
    if not (left := [share for share in others.values() if share.member not in trial.bad]):
        return bits | {"why": "there is nobody left to merge with"}
    if not trial.is_good:
        return bits | {"why": f"merged it would predict what it lived through worse, by more than {MOST_WORSE:.0%}"}
    # What is not in the merge has been lived since the next ancestor, which is the net as it was before that.
    made = learner if options["is_in"] else _ancestor(directory / ANCESTOR, learner)
    made.net.take_lines(merged(lines, [own, *left] if options["is_in"] else left))
    (directory / MADE).write_bytes(made.checkpoint().to_bytes())
    merged_with = {name: share.member for name, share in others.items() if share.member not in trial.bad}
    return bits | {"merged_with": merged_with, "lines_sha256": sha256_of(made.net.memory.lines)}


def _learner(path: Path) -> DendriteLearner:
    return DendriteLearner.from_checkpoint(Checkpoint.from_bytes(path.read_bytes()))


def _ancestor(path: Path, learner: DendriteLearner) -> DendriteLearner:
    """Return the ancestor, with dendrites for the contexts that were taken on since. Raises ValueError."""
    wiring = learner.net.wiring
    if not path.exists():
        return DendriteLearner(DendriteNet(wiring, learner.net.symbols, learner.net.max_lines), learner.vocabulary)
    ancestor = _learner(path)
    had = ancestor.net.wiring.contexts
    if wiring.contexts[: len(had)] != had:
        raise ValueError("this net has other contexts than its ancestor had: restore the same snapshot on all members")
    if len(wiring.contexts) > len(had):
        ancestor.net.grow(contexts=wiring.contexts[len(had) :])
    return ancestor


def _shares(directory: Path, own: Share, most: int, left_out: dict[str, str]) -> dict[str, Share]:
    """Return what the others tell that may be merged with this member's own, by name; say who is `left_out`."""
    shares: dict[str, Share] = {}
    for path in sorted(directory.glob(f"{SHARE}[0-9]*")):
        name = path.name.removeprefix(SHARE)
        try:
            share = Share.from_bytes(path.read_bytes())
        except ValueError as error:
            left_out[name] = str(error)
            continue
        if share.ancestor != own.ancestor:
            left_out[name] = "it is of another ancestor"
        elif (share.contexts, share.symbols) != (own.contexts, own.symbols):
            left_out[name] = "it has other contexts or tokens"
        elif share.room > most:
            left_out[name] = f"it has {share.room} lines, and this net has room for {most}: grow it"
        elif share.member in (own.member, *(each.member for each in shares.values())):
            left_out[name] = "it is the same net, or has lived the same"
        else:
            shares[name] = share
    return shares


if __name__ == "__main__":
    work(merge_in)
