"""XOR with three neurons, none hidden: the net solves it in time.

python -m examples.xor
"""

import torch

from realnet import RealNet, RealNetTrainer

X = [[-1, -1], [-1, 1], [1, -1], [1, 1]]
Y = [[-1], [1], [1], [-1]]


def main() -> None:
    torch.set_num_threads(1)  # more are slower on a net this small
    model = RealNet(3, [0, 1], [2], device="cpu")
    trainer = RealNetTrainer(model, gradient_decay=0.1, device="cpu")
    trainer.fit(X, Y, epochs=100, thinking_steps=5)
    for (a, b), said, wanted in zip(X, trainer.predict(X, thinking_steps=5).flatten().tolist(), Y, strict=True):
        print(f"{a:+d} xor {b:+d}: {said:+.2f} (should be {wanted[0]:+d})")


if __name__ == "__main__":
    main()
