"""Show how far a job is until it has ended, on a terminal and elsewhere."""

import time
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from service.cli.output import console, shown

if TYPE_CHECKING:
    from realnet.client import Job, JobState

_SAY_SECONDS = 5.0  # between two lines where there is no terminal, but for a change of what it does


def follow(job: "Job") -> "JobState":
    """Return the job as it is when it has ended. Raises Unreachable where the server is gone; the job goes on then."""
    from realnet.client import Unreachable

    terminal = console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[of]}"),
    )
    lines = _Lines()
    with Progress(*columns, console=terminal, disable=not terminal.is_terminal) as progress:
        task = progress.add_task(_doing(job.state), total=1.0, of="")
        if not terminal.is_terminal:
            lines.say(job.state)
        try:
            for state in job.follow():
                progress.update(task, description=_doing(state), completed=state.progress, of=_figures(state))
                if not terminal.is_terminal:
                    lines.say(state)
        except Unreachable as error:
            raise Unreachable(f"{error}; job {job.id} then goes on") from None
    return job.state


class _Lines:
    """A line on standard error now and then, for logs and for whoever waits for a script."""

    def __init__(self) -> None:
        self._said = ""
        self._said_at = 0.0

    def say(self, state: "JobState") -> None:
        doing, now = _doing(state), time.monotonic()
        if doing == self._said and now - self._said_at < _SAY_SECONDS:
            return
        self._said, self._said_at = doing, now
        figures = _figures(state)
        console(stderr=True).print(
            f"job {state.id}, {state.kind}: {doing}, {state.progress:.0%}{figures and f', {figures}'}"
        )


def _doing(state: "JobState") -> str:
    """Return what a job does now, if it tells, else its status."""
    return str(state.metrics.get("phase", state.status)) if state.status == "running" else state.status


def _figures(state: "JobState") -> str:
    figures: dict[str, Any] = {name: each for name, each in state.metrics.items() if isinstance(each, int | float)}
    return shown(figures)
