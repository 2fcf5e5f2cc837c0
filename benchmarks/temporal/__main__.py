"""What a RealNet does in time: six tasks, ten seeds each, on one thread. `tasks.py` says what they are.

    python -m benchmarks.temporal [--task latch] [--seeds 10]

An input reaches other neurons one step later, so every answer is asked for, and scored, one step late. The floor is the
least mean square error that is possible at all; the one in brackets holds if the answer is asked for in the same step.
A net has solved a task if its largest error, over all test cases and all steps asked for, is below the limit. The
trainer has its defaults but where a task says so; all cases are one batch, and gradients are clipped. Errors and CPU
seconds are medians.
"""

import argparse
import time
from dataclasses import astuple, dataclass
from statistics import median

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from benchmarks.temporal.tasks import TASKS, Cases, Task
from realnet import RealNet, RealNetTrainer

LONGEST_GRADIENT = 0.1  # through many steps gradients explode now and then


@dataclass(frozen=True)
class Result:
    """
    Attributes:
        error: the mean square over all test cases and asked steps.
        largest: the largest error among them.
    """

    error: float
    largest: float
    seconds: float


def errors(said: Tensor, cases: Cases) -> Tensor:
    """Of answers (rows, steps): (rows, asked steps)."""
    return (said - cases.y)[:, cases.asked]


def solve(task: Task, seed: int) -> Result:
    """Train a net of this seed, and score it on the test cases."""
    model = RealNet(task.neurons, input_ids=[0], output_ids=[1], pulse_mode=task.pulse_mode, seed=seed)
    trainer = RealNetTrainer(model, learning_rate=task.learning_rate, seed=seed)

    def clip(*_: object) -> None:
        nn.utils.clip_grad_norm_(model.parameters(), LONGEST_GRADIENT)

    trainer.optimizer.register_step_pre_hook(clip)
    learnt, test = task.learn().one_step_late(), task.test().one_step_late()
    began = time.process_time()
    trainer.fit(
        *(learnt.x, learnt.y[:, :, None]),
        epochs=task.epochs,
        batch_size=len(learnt.x),
        thinking_steps=learnt.steps,
        mask=learnt.asked,
        full_sequence=True,
        progress=False,
    )
    seconds = time.process_time() - began
    said = trainer.predict(test.x, thinking_steps=test.steps, full_sequence=True)[:, :, 0]
    wrong = errors(said, test)
    return Result(float(wrong.square().mean()), float(wrong.abs().max()), seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--task", choices=TASKS)
    parser.add_argument("--seeds", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)

    console = Console(width=132)
    table = Table("task", "neurons", "steps", "epochs", "error", "floor", "largest error", "limit", "CPU s", "solved")
    for name in [options.task] if options.task else TASKS:
        task = TASKS[name]
        results = []
        for seed in range(options.seeds):
            results.append(solve(task, seed))
            console.print(f"{name}, seed {seed}: {results[-1].error:.5f}, largest {results[-1].largest:.3f}")
        test = task.test()
        error, largest, seconds = (median(each) for each in zip(*map(astuple, results), strict=True))
        solved = sum(result.largest < task.tolerance for result in results)
        table.add_row(
            *(f"{name}: {task.says}", f"{task.neurons}", f"{test.steps}", f"{task.epochs}", f"{error:.5f}"),
            f"{test.one_step_late().floor():.5f} ({test.floor():.5f})",
            *(f"{largest:.3f}", f"{task.tolerance:g}", f"{seconds:.1f}", f"{solved} of {len(results)}"),
        )
    console.print(table)


if __name__ == "__main__":
    main()
