"""What goes in."""

from typing import Any

import numpy as np
import pytest
import torch

from realnet.utils.data import one_hot, to_pair, to_tensor


@pytest.mark.parametrize(
    "values",
    [
        [[1, 2], [3, 4]],
        ((1.0, 2.0), (3.0, 4.0)),
        np.array([[1, 2], [3, 4]], np.uint8),
        torch.tensor([[1, 2], [3, 4]]),
        [torch.tensor([1, 2]), torch.tensor([3, 4])],
        [np.array([1, 2]), np.array([3, 4])],
    ],
)
def test_all_kinds_of_numbers_become_float32(values: Any) -> None:
    tensor = to_tensor(values)
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == [[1, 2], [3, 4]]


def test_an_array_stays_the_callers() -> None:
    array = np.ones((2, 2), np.float32)
    to_tensor(array).zero_()
    assert (array == 1).all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "x is empty"),
        (np.ones((0, 3)), "x is empty"),
        (3.0, "x is empty"),
        ([[1, 2], [3]], "rows have one length"),
        ([["a"]], "an array of numbers"),
        (None, "x"),
        ([[0.0, 1.0], [2.0, float("nan")]], r"x\[1, 1\] is not finite"),
        (torch.tensor([1.0, torch.inf]), r"x\[1\] is not finite"),
    ],
)
def test_what_is_no_numbers_is_refused(values: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        to_tensor(values, "x")


def test_a_pair_has_as_many_rows() -> None:
    x, y = to_pair([[1, 2], [3, 4]], [[0], [1]])
    assert (x.shape, y.shape) == ((2, 2), (2, 1))
    with pytest.raises(ValueError, match="2 rows of features and 1 of targets"):
        to_pair([[1, 2], [3, 4]], [[0]])


def test_one_hot() -> None:
    assert one_hot([2, 0], 3).tolist() == [[-1, -1, 1], [1, -1, -1]]
    assert one_hot(np.array([1]), 2, low=0.0).tolist() == [[0, 1]]
    for wrong in ([3], [-1], [0.5], [[0]]):
        with pytest.raises(ValueError, match="whole numbers from 0 to 2"):
            one_hot(wrong, 3)
