"""A net that is pruned while it learns: which of ten patterns is it, through noise? Weak synapses die every epoch.

python -m examples.evolution
"""

import torch

from realnet import RealNet, RealNetTrainer

PIXELS, PATTERNS, NOISE = 40, 10, 1.0


def noisy_patterns(rows: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(rows, PIXELS), and which pattern each row is (rows,)."""
    patterns = torch.randn(PATTERNS, PIXELS, generator=torch.Generator().manual_seed(0)).sign()
    random = torch.Generator().manual_seed(seed)
    which = torch.randint(PATTERNS, (rows,), generator=random)
    return patterns[which] + NOISE * torch.randn(rows, PIXELS, generator=random), which


def main(epochs: int = 50) -> None:
    torch.set_num_threads(1)  # more are slower on a net this small
    X_train, Y_train = noisy_patterns(1000, seed=1)
    X_test, Y_test = noisy_patterns(1000, seed=2)
    model = RealNet(PIXELS + PATTERNS, range(PIXELS), range(PIXELS, PIXELS + PATTERNS), device="cpu")
    trainer = RealNetTrainer(model, device="cpu")

    trainer.fit(
        *(X_train, Y_train),
        epochs=epochs,
        thinking_steps=10,
        pruning_threshold=0.01,  # kill weights < 0.01
    )
    accuracy = trainer.evaluate(X_test, Y_test, thinking_steps=10)["accuracy"]
    print(f"{accuracy:.1%} right with {trainer.history['dead'][-1]:.0%} of all synapses dead")

    sparse = model.make_sparse()
    with torch.no_grad():
        _, final = sparse(X_test, steps=10)
    right = (sparse.outputs(final).argmax(1) == Y_test).float().mean()
    print(f"{right:.1%} right on the living synapses alone")


if __name__ == "__main__":
    main()
