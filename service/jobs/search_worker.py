"""Search in a process of its own: `python -m service.jobs.search_worker DIRECTORY`; `service.jobs.worker` is its frame.

Beside the fork, a net of dendrites, it finds `tokens.npy`, what the net lived through last, and `options.json`,
contexts that are to be tried, none for a search; it makes the fork with the wiring that was found, if one was.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from realnet import Checkpoint, DendriteLearner
from realnet.dendrites.search import LEAST_GAIN, LEAST_TOKENS, Trial, search
from service.jobs.process import FORK, MADE, OPTIONS, TOKENS
from service.jobs.worker import Reports, work

ASKED_FOR = "asked for"  # the name of the candidate with contexts that were asked for


def _search(directory: Path, reports: Reports) -> dict[str, Any]:
    learner = DendriteLearner.from_checkpoint(Checkpoint.from_bytes((directory / FORK).read_bytes()))
    tokens = np.load(directory / TOKENS, allow_pickle=False)
    tokens = tokens[max(0, len(tokens) - learner.tokens_seen) :]  # a restore has undone those before
    if len(tokens) < LEAST_TOKENS:
        return {"chosen": None, "why": f"it has lived through {len(tokens)} tokens, and a search takes {LEAST_TOKENS}"}

    def report(share: float, trials: list[Trial]) -> None:
        reports({"progress": share, "candidates": [asdict(each) for each in trials]})

    asked = json.loads((directory / OPTIONS).read_text())
    tried = {ASKED_FOR: learner.net.wiring.with_more(asked)} if asked else None
    found = search(learner, tokens, tried, 0.0 if asked else LEAST_GAIN, report)
    if found.net is not None:
        learner.net.adopt(found.net)
        (directory / MADE).write_bytes(learner.checkpoint().to_bytes())
    figures = {"chosen": found.chosen, "gain": found.gain, "candidates": [asdict(each) for each in found.trials]}
    return figures if found.net is not None else figures | {"why": "no candidate would have predicted better"}


if __name__ == "__main__":
    work(_search)
