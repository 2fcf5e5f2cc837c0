"""What daydreams are worth, by temperature: `python -m benchmarks.daydream [--lived FILE] [--other FILE]`.

A net lives the first megabyte of a text: the source of Python's own library, or a file. Its forks talk on from
stretches of that, as a daydream does, and a judge reads on live: another net, which lived another text, so that copying
earns nothing (what comes later of the first text and Python's documentation, or a file). Beside them stands real text
that neither has lived. Then of a daydream at .8 what is kept.
"""

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.streams import source, stream
from realnet import Checkpoint, DendriteLearner
from service.jobs.novelty import novelty

LIVED, HELD_OUT = 1_000_000, 100_000  # bytes
PROMPT, LENGTH, TALKS = 8, 200, 100
TEMPERATURES = (0.5, 0.7, 0.8, 0.9, 1.0)
KEPT = 20

Tokens = NDArray[np.int32]
Talk = tuple[Tokens, Tokens]  # what it goes on from, and what is its own


def talks_of(learner: DendriteLearner, lived: Tokens, temperature: float, prompt_length: int) -> list[Talk]:
    starts = np.random.default_rng(0).integers(0, len(lived) - prompt_length, TALKS)
    talks = []
    for seed, start in enumerate(starts.tolist()):
        prompt = lived[start : start + prompt_length]
        generator = learner.generator(prompt, temperature, seed, fresh=True)
        talks.append((prompt, np.array(generator.step(LENGTH), np.int32)))
    return talks


def stretches(text: Tokens, prompt_length: int) -> list[Talk]:
    starts = np.random.default_rng(0).integers(0, len(text) - prompt_length - LENGTH, TALKS)
    return [(text[i : i + prompt_length], text[i + prompt_length :][:LENGTH]) for i in starts.tolist()]


def bits_by(judge: DendriteLearner, talks: list[Talk], plasticity: float = 1.0) -> list[float]:
    """Return the bits a token of each, read one after the other, each after what it goes on from."""
    bits = []
    for prompt, said in talks:
        judge.run(prompt, plasticity, outputs="none")
        outputs = judge.run(said, plasticity, outputs="surprise")
        assert outputs.surprise is not None
        bits.append(float(outputs.surprise.mean()))
    return bits


def own_bits(learner: DendriteLearner, talks: list[Talk]) -> list[float]:
    """Return what a daydream tells as plausibility: each talk by a frozen fork, from nothing in mind."""
    bits = []
    for talk in talks:
        fork = learner.fork()
        fork.net.forget()
        bits += bits_by(fork, [talk], plasticity=0.0)
    return bits


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lived", type=Path, help="a file of 1.1 MB or more")
    parser.add_argument("--other", type=Path, help="that the judge has lived")
    parser.add_argument("--prompt", type=int, default=PROMPT, help="tokens that a talk goes on from")
    options = parser.parse_args()
    data = options.lived.read_bytes() if options.lived else source()
    other = options.other.read_bytes() if options.other else data[LIVED + HELD_OUT :][:LIVED] + stream("topics")
    text, held_out, others = (
        np.frombuffer(each, np.uint8).astype(np.int32)
        for each in (data[:LIVED], data[LIVED:][:HELD_OUT], other[: 2 * LIVED])
    )
    learner, judge = DendriteLearner.create(), DendriteLearner.create()
    learner.run(text, outputs="none")
    judge.run(others, outputs="none")
    checkpoint = judge.checkpoint().to_bytes()
    table = Table(f"{TALKS} talks of {LENGTH} bytes", "judge, bits", "own bits", "unseen 8-grams", "unseen 12-grams")

    def add(name: str, talks: list[Talk]) -> tuple[list[float], list[float], list[float]]:
        judged = bits_by(DendriteLearner.from_checkpoint(Checkpoint.from_bytes(checkpoint)), talks)
        own, shares = own_bits(learner, talks), novelty([said for _, said in talks], text, 8)
        longer = novelty([said for _, said in talks], text, 12)
        table.add_row(name, *(f"{np.mean(each):.3f}" for each in (judged, own, shares, longer)))
        return judged, own, shares

    add("real text", stretches(held_out, options.prompt))
    for temperature in TEMPERATURES:
        talks = talks_of(learner, text, temperature, options.prompt)
        judged, own, shares = add(f"temperature {temperature}", talks)
        if temperature == 0.8:
            half = np.argsort(own, kind="stable")[: TALKS // 2]
            best = half[np.argsort(-np.array(shares)[half], kind="stable")[:KEPT]]
            kept = [float(np.mean(np.array(each)[best])) for each in (judged, own, shares)]
    table.add_row(f"the {KEPT} newest of the plausible half at 0.8", *(f"{each:.3f}" for each in kept), "")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
