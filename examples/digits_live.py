"""Fitted by backpropagation, then alive: a net learns handwritten digits, and goes on learning where it lives.

    pip install scikit-learn
    python -m examples.digits_live

It is fitted to the digits 0 to 7 in `ffwf` dynamics, those of a live net. Then a live net takes its matrix over and
meets all ten. It says what each image is, and only then is it told.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from realnet import LiveNet, RealNet, RealNetTrainer

try:
    from sklearn.datasets import load_digits
except ModuleNotFoundError:
    raise SystemExit(
        "the digits come with scikit-learn, which is not installed here: pip install scikit-learn"
    ) from None

PIXELS, CLASSES = 64, 10
KNOWN = 8
FITTED, TESTED = 800, 400  # of 1,797 images; it lives among the others
Images = NDArray[np.float32]
Labels = NDArray[np.int64]


def digits() -> tuple[Images, Labels]:
    """(1797, 64) in [0, 1] and (1797,), in an order that tells nothing."""
    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(labels))
    return (images[order] / 16).astype(np.float32), labels[order]


def answer(net: LiveNet, images: Images, labels: Labels, *, learn: bool) -> NDArray[np.bool_]:
    """Show each image for two ticks, since it reaches the outputs at the second one; then comes the teacher."""
    teachers = np.full((2 * len(images), CLASSES), np.nan, np.float32)
    teachers[1::2] = np.eye(CLASSES)[labels]
    said = net.run(images.repeat(2, axis=0), teachers, plasticity=1.0 if learn else 0.0)
    right: NDArray[np.bool_] = said[1::2].argmax(1) == labels
    return right


def exam(net: LiveNet, images: Images, labels: Labels) -> str:
    """On images that it neither was fitted to nor lived among; it learns nothing from them."""
    right, new = answer(net, images, labels, learn=False), labels >= KNOWN
    return f"{right.mean():.1%} right; {right[~new].mean():.1%} of 0 to 7, {right[new].mean():.1%} of 8 and 9"


def main(epochs: int = 30) -> None:
    torch.set_num_threads(1)  # more are slower on a net this small
    images, labels = digits()
    fitted = np.flatnonzero(labels[:FITTED] < KNOWN)
    tested, lived = slice(FITTED, FITTED + TESTED), slice(FITTED + TESTED, None)

    inputs, outputs = range(PIXELS), range(PIXELS, PIXELS + CLASSES)
    model = RealNet(PIXELS + CLASSES, inputs, outputs, pulse_mode=False, dynamics="ffwf", preset="surprise", seed=0)
    RealNetTrainer(model, seed=0).fit(images[fitted], labels[fitted], epochs=epochs, thinking_steps=2)

    net = LiveNet.from_model(model)
    print("before:", exam(net, images[tested], labels[tested]))
    right = answer(net, images[lived], labels[lived], learn=True)
    for part in np.array_split(right, 6):
        print(f"    living, {len(part)} images: {part.mean():.0%} right, each before it was told")
    print("after: ", exam(net, images[tested], labels[tested]))


if __name__ == "__main__":
    main()
