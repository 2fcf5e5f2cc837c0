"""A client of jobs: uploads a data set, begins a job, follows its events to the end."""

import json
from collections.abc import Iterator
from typing import Any

from tests.running_server import RunningServer


def upload(server: RunningServer, name: str, content: str, **fields: str) -> str:
    """Upload a file and return the data set's id."""
    response = server.client.post("/v1/datasets", files={"file": (name, content.encode())}, data=fields)
    assert response.status_code in (200, 201), response.text
    return str(response.json()["id"])


def begin(server: RunningServer, kind: str, **request: Any) -> str:
    """Begin a job and return its id."""
    response = server.client.post(f"/v1/jobs/{kind}", json=request)
    assert response.status_code == 202, response.text
    job = response.json()
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert (job["kind"], job["progress"], job["result"], job["error"]) == (kind, 0, None, None)
    return str(job["id"])


def events(server: RunningServer, id: str, after: int | None = None) -> Iterator[dict[str, Any]]:
    """Yield the job at each of its changes, behind the revision `after`, until it has ended."""
    headers = {} if after is None else {"Last-Event-ID": str(after)}
    with server.client.stream("GET", f"/v1/jobs/{id}/events", headers=headers) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in response.iter_lines():
            if line.startswith(":"):  # nothing has changed
                continue
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif event:
                job = json.loads(event["data"])
                assert (event["event"], event["id"]) == ("job", str(job["revision"]))
                event = {}
                yield job


def end_of(server: RunningServer, id: str) -> dict[str, Any]:
    """Wait until a job has ended and return it."""
    *_, job = events(server, id)
    assert job == server.client.get(f"/v1/jobs/{id}").json()
    return job


def until_it_runs(server: RunningServer, id: str) -> dict[str, Any]:
    """Wait until a job has made progress and return it."""
    return next(job for job in events(server, id) if job["progress"] > 0)
