"""The commands `realnet jobs …`, about jobs that somebody has begun."""

from typing import TYPE_CHECKING, Any

import typer

from service.cli.asking import AsJson, Id, client_of, print_json
from service.cli.output import moment, print_table, shown

if TYPE_CHECKING:
    from realnet.client import Job, JobState

_LAST = 3

jobs = typer.Typer(no_args_is_help=True, help="List, follow and cancel dreams, fits and sleeps.")


@jobs.command("list")
def list_jobs(context: typer.Context, json: AsJson = False) -> None:
    """List the jobs, oldest first; of those that have ended, the last 100."""
    with client_of(context) as client:
        states = [job.state for job in client.jobs.list()]
    if json:
        print_json(states)
        return
    rows = [(each.id, each.kind, each.status, f"{each.progress:.0%}", moment(each.created_at)) for each in states]
    print_table(rows, heads=("id", "kind", "status", "done", "created"))


@jobs.command()
def show(context: typer.Context, id: Id, json: AsJson = False) -> None:
    """Print all that is known of a job."""
    with client_of(context) as client:
        state = client.jobs.get(id).state
    if json:
        print_json(state)
    else:
        print_table(_fields(state))


@jobs.command()
def follow(context: typer.Context, id: Id) -> None:
    """Show the progress of a job until it has ended, then print its result. Ctrl-C leaves the job alone."""
    from service.cli.follow import follow

    with client_of(context) as client:
        job = client.jobs.get(id)
        follow(job)
        print_result(job)


@jobs.command()
def cancel(context: typer.Context, id: Id) -> None:
    """Cancel a job. What it has taught the net by then stays; one that has ended is left as it is."""
    with client_of(context) as client:
        typer.echo(f"{id}: {client.jobs.get(id).cancel().status}")


def print_result(job: "Job") -> None:
    """Print what a job that has ended made. Raises JobFailed or JobCancelled."""
    print_table((name.replace("_", " "), shown(value)) for name, value in job.result().items())


def _fields(state: "JobState") -> "list[tuple[str, str]]":
    fields: dict[str, Any] = {
        "kind": state.kind,
        "status": state.status,
        "done": f"{state.progress:.0%}",
        "created": moment(state.created_at),
        "started": moment(state.started_at),
        "ended": moment(state.finished_at),
        "asked for": {name: value for name, value in state.request.items() if value is not None},
        **{name: _last(value) for name, value in state.metrics.items()},
        **(state.result or {}),
    }
    if state.error is not None:
        fields["error"] = state.error.detail or state.error.title
    return [(name.replace("_", " "), shown(value)) for name, value in fields.items()]


def _last(value: Any) -> Any:
    """Return the newest few of what there may be a thousand of, as of epochs."""
    return ["…", *value[-_LAST:]] if isinstance(value, list) and len(value) > _LAST else value
