"""Two servers with a net of dendrites each, and what one asks of the other."""

from pathlib import Path
from typing import Any

from tests.jobs.client import end_of
from tests.running_server import RunningServer, ThreadServer

NET = {"preset": "dendrites", "variant": "fast", "max_lines": 4096, "snapshot_every": 0}


def of_its_own(directory: Path, **settings: object) -> ThreadServer:
    """Start a server with a store of its own."""
    directory.mkdir(exist_ok=True)
    server = ThreadServer(directory, **NET | settings)
    if "api_key" in settings:
        server.client.headers["Authorization"] = f"Bearer {settings['api_key']}"
    return server.start()


def take_over(mine: RunningServer, other: RunningServer, how: str, **request: Any) -> dict[str, Any]:
    """Return the job when it has ended."""
    response = mine.client.post("/v1/takeovers", json={"url": other.url, "how": how, **request})
    assert response.status_code == 202, response.text
    job = response.json()
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    return end_of(mine, job["id"])


def state(server: RunningServer) -> str:
    return str(server.net(hash="true")["state_sha256"])
