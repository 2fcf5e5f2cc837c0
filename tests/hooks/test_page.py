"""The receiver on the page about hooks reads what a server sends, and refuses what it did not sign."""

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx

from service.hooks.webhook import new_secret
from tests.free_port import free_port
from tests.hooks.receiver import add, until
from tests.running_server import ThreadServer

PAGE = Path(__file__).parents[2] / "docs/streams-out.md"


def test_the_receiver_of_the_page_runs_as_printed(server: ThreadServer, tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert found is not None
    secret, url = new_secret(), f"http://127.0.0.1:{(port := free_port())}"
    environment = {**os.environ, "SECRET": secret, "PORT": str(port)}
    output = tmp_path / "output"
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", found[1]], env=environment, stdout=file, stderr=file)
    try:
        id = add(server, url, secret=secret)["id"]
        until(lambda: server.client.post(f"/v1/hooks/{id}/test").status_code == 204)
        until(lambda: "0 test open this is a test of the hook" in output.read_text())
        assert httpx.post(url, content=b"{}").status_code in (401, 400)
        other = add(server, url, streams=["other"])["id"]  # of another secret
        assert "it answers 401" in server.client.post(f"/v1/hooks/{other}/test").json()["detail"]
    finally:
        process.kill()
        process.wait()
