"""The examples run, and the temporal benchmark can tell a net that has solved a task from one that hasn't."""

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks.temporal.__main__ import errors, solve
from benchmarks.temporal.tasks import TASKS, Cases, Task, latch
from examples import evolution, xor

every_task = pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)


def shares(text: str) -> list[float]:
    return [float(share) / 100 for share in re.findall(r"([\d.]+)%", text)]


def test_xor(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    xor.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(": ")[1][0] for line in lines] == ["-", "+", "+", "-"]


def test_evolution(capsys: pytest.CaptureFixture[str]) -> None:
    torch.manual_seed(0)
    evolution.main(epochs=5)
    right, dead, sparsely = shares(capsys.readouterr().out)
    assert right == pytest.approx(sparsely, abs=0.002)
    assert right > 0.9
    assert dead > 0.05


def test_fitted_then_alive(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    from examples import digits_live

    digits_live.main(epochs=5)
    before, *living, after = capsys.readouterr().out.splitlines()
    assert len(living) == 6
    assert shares(before)[2] < 0.1  # it never saw an 8 or 9
    assert shares(after)[2] > 0.6
    assert shares(after)[0] > shares(before)[0] + 0.1


def largest_error(task: Task, said: Tensor) -> float:
    return float(errors(said, task.test().one_step_late()).abs().max())


@every_task
def test_only_what_is_right_solves_a_task(task: Task) -> None:
    late = task.test().one_step_late()
    assert largest_error(task, late.y) == 0
    always_the_same = late.y.mean(0).expand_as(late.y)  # a net that knows the time, and nothing of what comes in
    assert largest_error(task, always_the_same) > task.tolerance
    one_step_early = task.test().y
    if late.asked.sum() > 1:
        assert largest_error(task, one_step_early) > task.tolerance


@pytest.mark.parametrize("name", ["identity", "stopwatch", "sine", "adder"])
def test_the_sign_of_what_comes_in_solves_no_graded_task(name: str) -> None:
    late = TASKS[name].test().one_step_late()
    said = torch.empty_like(late.y)
    for signs in late.x[:, :, 0].sign().unique(dim=0):
        alike = (late.x[:, :, 0].sign() == signs).all(1)
        said[alike] = late.y[alike].mean(0)
    assert largest_error(TASKS[name], said) > TASKS[name].tolerance


@every_task
def test_one_step_late_every_task_can_be_solved(task: Task) -> None:
    assert task.test().one_step_late().floor() == pytest.approx(0, abs=1e-9)


def test_floors_in_the_same_step() -> None:
    """Known in closed form: n equally likely triggers, and nine bits of which one in four completes a pair."""
    triggers = 13
    cases = latch(20)
    held = Cases(cases.x[2 : 2 + triggers], cases.y[2 : 2 + triggers], cases.asked)
    harmonic = sum(1 / n for n in range(1, triggers + 1))
    assert held.floor() == pytest.approx(4 / triggers * (triggers - harmonic) / 20, rel=1e-5)
    assert TASKS["detective"].test().floor() == pytest.approx(9 * 0.5 / 40, rel=1e-5)


def test_a_net_solves_a_task() -> None:
    result = solve(replace(TASKS["latch"], epochs=400), seed=0)
    assert result.largest < TASKS["latch"].tolerance
