"""How the default token net was chosen: one constant at a time, on the tuning stretch (the first 40,000 characters).

python -m benchmarks.tuning
"""

from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from benchmarks.text import topics_text
from realnet import LiveNet, TokenLearner
from realnet.tokens.encoder import Encoder
from realnet.vocabulary import Bytes


@dataclass(frozen=True)
class Choice:
    taps: tuple[int, ...] = (2, 3, 4, 5, 6, 8)
    size: int = 3360
    fired: int = 8
    hidden: int = 64
    c: float = 3.0
    beta: float = 8.0
    kappa: float = 0.02
    characters: int = 40_000


DEFAULT = Choice()
CHOICES = {
    "the default": DEFAULT,
    **{f"c = {c:g}": replace(DEFAULT, c=c) for c in (1.5, 2, 2.5, 4)},
    **{f"beta = {beta:g}": replace(DEFAULT, beta=beta) for beta in (0.5, 1, 2, 4)},
    **{f"kappa = {kappa:g}": replace(DEFAULT, kappa=kappa) for kappa in (0.0, 0.1, 1.0)},
    **{f"{fired} fired of a tap": replace(DEFAULT, fired=fired) for fired in (2, 4, 12, 20)},
    **{f"{size} neurons a tap": replace(DEFAULT, size=size) for size in (256, 1024, 2048, 8192)},
    **{
        "taps " + ", ".join(map(str, taps)): replace(DEFAULT, taps=taps)
        for taps in (
            (2, 3, 4),
            (2, 3, 4, 5),
            (2, 3, 4, 5, 6),
            (1, 2, 3, 4, 5, 6),
            (2, 3, 4, 6, 8),
            (2, 3, 4, 5, 6, 8, 11),
        )
    },
    **{f"{hidden} hidden neurons": replace(DEFAULT, hidden=hidden) for hidden in (0, 256, 512)},
    "120,000 characters": replace(DEFAULT, characters=120_000),
    "120,000 characters, no hidden": replace(DEFAULT, characters=120_000, hidden=0),
}


def learner_of(choice: Choice) -> TokenLearner:
    encoder, vocabulary = Encoder(choice.taps, choice.size, choice.fired, seed=0), Bytes()
    n = encoder.n_in + choice.hidden + vocabulary.size
    net = LiveNet(
        n,
        range(encoder.n_in),
        range(n - vocabulary.size, n),
        learning_rate=choice.c,
        kappa=choice.kappa,
        beta=choice.beta,
    )
    return TokenLearner(net, encoder, vocabulary)


def main() -> None:
    text, table = topics_text(), Table("changed", "neurons", "whole", "second half", "bits, whole", "bits, second half")
    for name, choice in CHOICES.items():
        learner = learner_of(choice)
        outputs = learner.run(learner.vocabulary.encode(text[: choice.characters]))
        hits, second = outputs.predicted == outputs.token, slice(choice.characters // 2, None)
        figures = [hits.mean(), hits[second].mean()]
        bits = [outputs.surprise.mean(), outputs.surprise[second].mean()]
        cells = [*(f"{share:.3f}" for share in figures), *(f"{each:.2f}" for each in bits)]
        table.add_row(name, str(learner.net.num_neurons), *cells)
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
