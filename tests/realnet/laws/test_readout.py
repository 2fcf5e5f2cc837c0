"""Every form of the readout says what the law says."""

import numpy as np
import pytest
import torch

from realnet.core.confidence import sharpen, sharpen_
from realnet.core.readout import read, read_, read_leaking, read_tensor
from realnet.core.state import Params
from realnet.tokens.readout import log_probabilities, probabilities


@pytest.mark.parametrize("readout", ["softmax", "clamp"])
def test_all_forms_are_the_law(readout: str) -> None:
    params = Params(9, (0,), tuple(range(1, 9)), "surprise", readout, beta=3.0)  # type: ignore[arg-type]
    for sums in np.random.default_rng(0).normal(0, 0.5, (50, 8)).astype(np.float32):
        law, compiled = read(sums.astype(float), params), np.empty(8, np.float32)
        read_(sums, params.beta, readout == "softmax", compiled)
        assert np.abs(compiled - law).max() < 1e-6
        for form in (read_tensor, read_leaking):
            assert np.abs(form(torch.from_numpy(sums), params).numpy() - law).max() < 1e-6


def test_beyond_the_range_of_a_clamp_some_gradient_is_left() -> None:
    params = Params(3, (0,), (1, 2), "surprise", "clamp")
    sums = torch.tensor([-1.0, 0.05], requires_grad=True)
    read_leaking(sums, params).sum().backward()
    assert sums.grad is not None
    assert sums.grad.tolist() == pytest.approx([0.1 * params.beta, 1.1 * params.beta])


@pytest.mark.parametrize("preset", ["literal", "surprise"])
def test_the_logarithm_of_probabilities_is_that_of_the_law(preset: str) -> None:
    outputs = np.random.default_rng(0).random((20, 256), dtype=np.float32)
    if preset == "surprise":
        outputs /= outputs.sum(1, keepdims=True)
    logs = log_probabilities(torch.from_numpy(outputs), preset).numpy()
    assert np.abs(logs - np.log(probabilities(outputs, preset))).max() < 1e-4


def test_gains_by_confidence_are_learnt_as_the_law_says() -> None:
    random = np.random.default_rng(0)
    p = random.dirichlet(np.full(40, 0.2), 300)
    p = ((p + 1e-5) / (p + 1e-5).sum(1, keepdims=True)).astype(np.float32)
    came = np.array([random.choice(40, p=row / row.sum()) for row in np.sqrt(p.astype(float))], np.int32)
    ours, gains, of_law = p.copy(), np.ones(10), np.ones(10)
    sharpen_(ours, came[:250], gains, 1e-4, True)  # the last rows are not followed by a token
    law = [
        sharpen(row.astype(float), of_law, 1e-4, int(y) if t < 250 else None)
        for t, (row, y) in enumerate(zip(p, came, strict=True))
    ]
    assert np.abs(ours - law).max() < 1e-6
    assert np.abs(gains - of_law).max() < 1e-9
    assert np.abs(ours.sum(1) - 1).max() < 1e-5
    assert gains.min() < 0.9, "tokens came as if all were less sure: a gain falls"
    assert np.log(ours[range(250), came[:250]]).sum() > np.log(p[range(250), came[:250]]).sum()


def test_gains_read_without_learning() -> None:
    p, gains = np.full((1, 4), 0.25, np.float32), np.full(10, 2.0)
    p[0] = (0.7, 0.1, 0.1, 0.1)
    sharpen_(p, np.array([3], np.int32), gains, 0.0, False)
    assert p[0] == pytest.approx(np.array([0.49, 0.01, 0.01, 0.01]) / 0.52)
    assert (gains == 2.0).all()
