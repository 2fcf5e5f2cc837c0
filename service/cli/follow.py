"""Send the file of a job, begin the job, and show its progress until it ends."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx
import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

from realnet.client import Problem, RealNetError, Server, error_of, error_of_answer, no_answer
from service.cli.output import shown

ANSWER_SECONDS = 30.0
LOST_SECONDS = 60.0  # for which a server that has gone is waited for
_LOOK_SECONDS = 0.5

Job = dict[str, Any]


class Followed:
    """A connection to a server for one job. Every method may raise RealNetError."""

    def __init__(self, server: Server, console: Console) -> None:
        self._url = server.url
        self._console = console
        is_far = not server.is_on_this_machine
        self._client = httpx.Client(
            base_url=server.url, headers=server.headers, timeout=ANSWER_SECONDS, trust_env=is_far
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def upload(self, path: Path, **fields: str | None) -> str:
        """Send the file with the form's `fields`, and return the id of the data set."""
        given = {name: value for name, value in fields.items() if value is not None}
        try:
            with path.open("rb") as file, self._console.status(f"sending {path.name}"), self._as_error():
                # The server answers when it has read the whole file, which may take minutes.
                answer = self._client.post("/v1/datasets", files={"file": (path.name, file)}, data=given, timeout=None)
        except OSError as error:
            raise RealNetError(f"{path}: {error.strerror}") from None
        return str(_content(answer)["id"])

    def run(self, kind: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """Begin a job, show its progress, and return its result, or None where Ctrl-C has cancelled it."""
        with self._as_error():
            job: Job = _content(self._client.post(f"/v1/jobs/{kind}", json=request))
        try:
            job = self._watch(job)
        except KeyboardInterrupt:
            with self._as_error():
                job = _content(self._client.post(f"/v1/jobs/{job['id']}/cancel"))
            if job["status"] == "cancelled":
                return None
        if job["status"] == "failed":
            raise error_of(msgspec.convert(job["error"], Problem), f"job {job['id']} has failed: ")
        if job["status"] == "cancelled":
            raise RealNetError(f"job {job['id']} was cancelled")
        return dict(job["result"])

    def _watch(self, job: Job) -> Job:
        """Show the progress of a job until it has ended, and return it as it is then."""
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[of]}"))
        with Progress(*columns, console=self._console, disable=not self._console.is_terminal) as progress:
            task = progress.add_task(job["status"], total=1.0, of="")
            for changed in self._changes(job):
                job = changed
                figures = {name: each for name, each in job["metrics"].items() if isinstance(each, int | float)}
                progress.update(task, description=job["status"], completed=job["progress"], of=shown(figures))
        return job

    def _changes(self, job: Job) -> Iterator[Job]:
        """Yield the job after each change until it has ended, over restarts of the server."""
        heard_at = time.monotonic()
        while job["finished_at"] is None:
            try:
                for changed in self._streamed_changes(job):
                    job, heard_at = changed, time.monotonic()
                    yield job
            except httpx.TransportError:
                if time.monotonic() - heard_at > LOST_SECONDS:
                    raise RealNetError(f"{no_answer(self._url)}; job {job['id']} then goes on") from None
            if job["finished_at"] is None:
                time.sleep(_LOOK_SECONDS)

    def _streamed_changes(self, job: Job) -> Iterator[Job]:
        path, headers = f"/v1/jobs/{job['id']}/events", {"Last-Event-ID": str(job["revision"])}
        with self._client.stream("GET", path, headers=headers) as events:
            if events.is_error:
                raise error_of_answer(events.status_code, events.read())
            for line in events.iter_lines():
                if line.startswith("data:"):
                    job = json.loads(line.removeprefix("data:"))
                    yield job
                elif line.startswith(":"):  # it is there, and nothing has changed
                    yield job

    @contextmanager
    def _as_error(self) -> Iterator[None]:
        try:
            yield
        except httpx.ReadTimeout:
            raise RealNetError(f"{self._url} did not answer within {ANSWER_SECONDS:g} s") from None
        except (httpx.TransportError, httpx.InvalidURL):
            raise RealNetError(no_answer(self._url)) from None


def _content(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_error:
        raise error_of_answer(answer.status_code, answer.content)
    try:
        return dict(answer.json())
    except ValueError:
        raise RealNetError("what answers there is no RealNet server") from None
