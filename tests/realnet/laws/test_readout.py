"""Every form of the readout says what the law says."""

import numpy as np
import pytest
import torch

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
