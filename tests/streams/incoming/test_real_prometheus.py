"""A real Prometheus, where one is installed, writes to a server."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.free_port import free_port
from tests.running_server import ThreadServer
from tests.streams.incoming.test_prometheus import became

PROMETHEUS = shutil.which("prometheus")


@pytest.fixture
def prometheus(server: ThreadServer, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real one, which scrapes the server and writes two series of it back."""
    config = tmp_path / "prometheus.yml"
    config.write_text(f"""
        scrape_configs:
          - job_name: realnet
            scrape_interval: 100ms
            scrape_timeout: 100ms
            static_configs: [{{targets: ["127.0.0.1:{server.port}"]}}]
        remote_write:
          - url: {server.url}/api/v1/write
            queue_config: {{batch_send_deadline: 100ms}}
            write_relabel_configs:
              - source_labels: [__name__]
                regex: up|realnet_tick
                action: keep
        """)
    if PROMETHEUS is None:
        pytest.skip("there is no prometheus here")
    given = [f"--config.file={config}", f"--storage.tsdb.path={tmp_path}/tsdb"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROMETHEUS, *given, f"--web.listen-address=127.0.0.1:{free_port()}"], stdout=log, stderr=log
        )
        yield process
        process.terminate()
        process.wait()


@pytest.mark.long
def test_a_real_prometheus_is_understood(server: ThreadServer, prometheus: subprocess.Popen[bytes]) -> None:
    name = f'realnet_tick{{instance="127.0.0.1:{server.port}",job="realnet",net="default"}}'
    deadline = time.monotonic() + 30
    known: dict[str, int] = {}
    while known.get(name, 0) < 5:
        assert time.monotonic() < deadline, known
        assert prometheus.poll() is None
        known = {each["name"]: each["rows"] for each in server.client.get("/v1/streams").json()["data"]}
    assert f'up{{instance="127.0.0.1:{server.port}",job="realnet"}}' in known
    assert set(became(server)) == {"taken"}
