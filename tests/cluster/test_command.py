"""`realnet cluster`: what it refuses in one line; and a cluster of two nodes on this machine, from start to end."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from redis import Redis

from service.cluster import ray_shards
from service.cluster.running import nodes_of, start_cluster
from service.runtime.birth import CannotStart
from service.settings import Settings
from service.store.keys import REDIS_SHARD
from tests.api.asking import TEXT
from tests.free_port import free_port
from tests.hive.servers import wait_until
from tests.nets.asking import SMALL
from tests.redis_server import RedisServer

_PATIENCE_SECONDS = 150.0  # Ray takes seconds to start, and on a busy machine a minute


def refused(**given: Any) -> str:
    """Return what a start says that is refused."""
    settings = Settings(_env_prefix="NO_SETTING_", **given)
    with pytest.raises(SystemExit) as ended:
        start_cluster(settings, None, 0, None, [])
    return str(ended.value)


def test_what_cannot_be_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unasked = SimpleNamespace(shutdown=lambda: None)
    monkeypatch.setattr(ray_shards, "ray", unasked)  # what is refused here is so before Ray is asked
    in_files = refused(store=f"file://{tmp_path}")
    assert in_files == "realnet: a cluster keeps its nets in Redis: set REALNET_STORE to redis://host:port/db"
    gone = refused(store="redis://127.0.0.1:1/0")
    assert gone.startswith("realnet: redis://127.0.0.1:1/0: ")
    assert "\n" not in gone
    settings = Settings(_env_prefix="NO_SETTING_", store="redis://127.0.0.1:1/0")
    for address, why in (("ray://127.0.0.1:1", "Connection refused"), ("ray://127.0.0.1", "there is no port in it")):
        with pytest.raises(CannotStart, match=f"^Ray at {address}: .*{why}$"):  # at once: Ray would wait 30 seconds
            asyncio.run(nodes_of(settings, address))
    monkeypatch.setattr(ray_shards, "ray", None)
    assert refused(store="redis://127.0.0.1:1/0").endswith("pip install 'realnet-live[cluster]'")


class Machine:
    """A process of `realnet cluster start` or `join`, and its gateway."""

    def __init__(self, log: Path, redis: str, *words: str) -> None:
        port = free_port()
        self.log = log
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("REALNET_")}
        self.environment |= {"REALNET_STORE": redis, "REALNET_CLUSTER_SHARDS": "2", "REALNET_INSECURE": "true"}
        self.environment |= {"REALNET_CLUSTER_CPUS": "0.1", "REALNET_NETS_WAIT": "60"}
        command = [*realnet("cluster", *words), "--port", str(port)]
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, env=self.environment, stdout=file, stderr=file)
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=90.0)
        wait_until(self._is_ready, log.read_text(), _PATIENCE_SECONDS)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            return self.client.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def ask(self, *words: str) -> "subprocess.CompletedProcess[str]":
        url = str(self.client.base_url)
        return subprocess.run(realnet("--url", url, *words), env=self.environment, capture_output=True, text=True)

    def shards(self) -> list[dict[str, Any]]:
        return list(json.loads(self.ask("cluster", "status", "--json").stdout)["data"])

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60.0)


def realnet(*words: str) -> list[str]:
    return [sys.executable, "-m", "service.cli.main", *words]


@contextmanager
def machine(log: Path, redis: str, *words: str) -> Iterator[Machine]:
    made = Machine(log, redis, *words)
    try:
        yield made
    finally:
        made.client.close()
        made.process.kill()
        made.process.wait()


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_cluster_starts_grows_shrinks_and_ends(redis_server: RedisServer, tmp_path: Path) -> None:
    redis, port = redis_server.url, free_port()
    with ExitStack() as stack:
        head = stack.enter_context(
            machine(tmp_path / "head", redis, "start", "--ray-port", str(port), "--node-gpus", "3")
        )
        assert head.client.post("/v1/nets", json={"name": "a", **SMALL}).status_code == 201

        def teach(at: Machine) -> int:
            asked = {"params": {"wait": "true"}, "json": {"text": TEXT}}
            return at.client.post("/v1/nets/a/inputs", **asked).status_code  # type: ignore[arg-type]

        def seen(at: Machine) -> int:
            return int(at.client.get("/v1/nets/a/net").raise_for_status().json()["tokens_seen"])

        assert teach(head) == 200
        with Redis.from_url(redis) as client:  # kill the process of each shard
            for shard in range(2):
                told = client.get(f"{REDIS_SHARD}{shard}")
                assert isinstance(told, bytes)
                os.kill(json.loads(told)["pid"], signal.SIGKILL)
        assert seen(head) == len(TEXT)
        [host] = {each["node"] for each in head.client.get("/v1/cluster").json()["shards"]}
        address = ray_address(head, port)
        node = stack.enter_context(machine(tmp_path / "node", redis, "join", address, "--node-gpus", "0"))
        wait_until(lambda: places(node) - {host}, "a shard has moved to the node that has joined", _PATIENCE_SECONDS)
        assert teach(node) == 200
        nodes = head.ask("cluster", "nodes", "--address", address).stdout
        assert sorted(line.split()[-2] for line in nodes.splitlines()) == ["0", "3", "GPUs"]
        unknown = head.ask("cluster", "drain", "nobody", "--address", address)
        assert (unknown.returncode, unknown.stderr) == (1, "realnet: there is no node nobody\n")
        drained = head.ask("cluster", "drain", host, "--address", address)
        assert drained.returncode == 0, drained.stderr
        assert host not in places(node)
        assert seen(node) == 2 * len(TEXT)
        assert {each["state"] for each in node.client.get("/v1/cluster").json()["shards"]} == {"ready"}
        assert node.end() == -signal.SIGTERM
        assert head.end() == -signal.SIGTERM


def places(machine: Machine) -> set[str]:
    return {each["node"] for each in machine.client.get("/v1/cluster").json()["shards"] if each["state"] == "ready"}


def ray_address(head: Machine, port: int) -> str:
    """Return where the head of Ray is: the host at which its shards are reached, and its own port."""
    url = httpx.URL(head.client.get("/v1/cluster").json()["shards"][0]["url"])
    return f"{url.host}:{port}"
