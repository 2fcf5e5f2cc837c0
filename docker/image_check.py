"""Build docker/Dockerfile, and run the images beside a real Redis: `make image-check`, some ten minutes the first time.

No Docker engine is needed: Debian's buildah builds and runs, with chroot isolation, as root. Since no image can be
pulled, Debian's own Python stands in for the base image. pip in the build has this machine's settings.
"""

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.redis_server import RedisServer

ROOT = Path(__file__).parents[1]
BASE, IMAGE = "docker.io/library/python:3.11-slim", "localhost/realnet"
OF_CLUSTER = f"{IMAGE}:cluster"
LARGEST_MB = 380  # without the base image; 170 of them are llvmlite's
READY_SECONDS = 10.0
CLUSTER_SECONDS = 120.0
NODE_PORT = 8430
KEY = secrets.token_hex(32)

os.environ |= {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}


def main() -> None:
    missing = [name for name in ("buildah", "debootstrap") if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        sys.exit("make image-check needs root, and Debian's packages: apt-get install buildah debootstrap")
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        if not output("buildah", "images", "--quiet", "--filter", f"reference={BASE}"):
            make_base(work)
        build(work, IMAGE)
        check_alone(work / "log")
        check_compose(work / "log", work / "redis")
        build(work, OF_CLUSTER, "--build-arg", "CLUSTER=yes")
        check_cluster(work)


# The image:


def make_base(work: Path) -> None:
    say("making the base image")
    packages = "--include=python3,python3-venv,python3-pip,ca-certificates"
    root = work / "root"
    quietly("debootstrap", "--variant=minbase", packages, "bookworm", str(root), *mirror())
    (root / "usr/bin/python").symlink_to("python3")
    box = output("buildah", "from", "scratch")
    quietly("buildah", "add", box, str(root), "/")
    quietly("buildah", "commit", "--rm", box, BASE)
    shutil.rmtree(root)


def mirror() -> list[str]:
    """Find where this machine has Debian's packages from; none is debootstrap's default."""
    sources = [*Path("/etc/apt").glob("sources.list"), *Path("/etc/apt/sources.list.d").glob("*")]
    found = (re.search(r"https?://\S+/debian/?\s", source.read_text()) for source in sources)
    return [match.group().strip() for match in found if match][:1]


def build(work: Path, image: str, *arguments: str) -> None:
    say(f"building {image}")
    settings = work / "pip.conf"
    settings.write_text("\n".join(["[global]", *(f"{name} = {value}" for name, value in pip_settings().items())]))
    mounts = [f"{settings}:/etc/pip.conf:ro", "/etc/ssl/certs:/etc/ssl/certs:ro"]
    volumes = [word for mount in mounts for word in ("--volume", mount)]
    began = time.monotonic()
    quietly(
        *("buildah", "bud", "--pull-never", "--format", "docker", "--network", "host", *volumes),
        *("--file", "docker/Dockerfile", "--tag", image, *arguments, "."),
    )
    say(f"built in {time.monotonic() - began:.0f} s")


def pip_settings() -> dict[str, str]:
    """Find what pip is told here of registries; folders of this machine are of no use in the build."""
    told = (line.partition("=") for line in output(sys.executable, "-m", "pip", "config", "list").splitlines())
    found = {name.rpartition(".")[2]: value.strip("'") for name, _, value in told}
    return {name: found[name] for name in ("cert", "index-url", "proxy", "default-timeout") if name in found}


# Containers:


class Container:
    """A container of an image, with an anonymous volume as docker gives it one, and one process at a time.

    `command` is the image's own, if none is given; `tmpfs` are folders in memory, as in docker-compose.yml.
    """

    def __init__(
        self,
        log: Path,
        environment: dict[str, str],
        image: str = IMAGE,
        command: Sequence[str] | None = None,
        tmpfs: Iterable[str] = (),
    ) -> None:
        self._log, self._environment = log, environment
        self._box = output("buildah", "from", "--pull-never", image)
        self._made_at, self.root = time.time(), Path(output("buildah", "mount", self._box))
        inspected = json.loads(output("buildah", "inspect", "--type", "image", image))
        self.config: dict[str, Any] = inspected["OCIv1"]["config"]
        self._command = self.config["Cmd"] if command is None else command
        self._mounts = [f"--mount=type=tmpfs,destination={each},tmpfs-mode=1777" for each in tmpfs]

    def running(self, *command: str, **more: str) -> list[str]:
        """Give the command line that runs a command in the container, as the image's user."""
        variables = [f"--env={name}={value}" for name, value in (self._environment | more).items()]
        return ["buildah", "run", "--network=host", *variables, *self._mounts, self._box, "--", *command]

    @contextmanager
    def started(
        self, seconds: float = READY_SECONDS, sign: signal.Signals = signal.SIGKILL, **more: str
    ) -> Iterator[httpx.Client]:
        """Start the command, and end it with a signal. Says when it is ready, which it must be in time."""
        began = time.monotonic()
        with self._log.open("wb") as log:
            command = self.running(*self.config["Entrypoint"], *self._command, **more)
            process = subprocess.Popen(command, stdout=log, stderr=log)
        url = f"http://127.0.0.1:{self._environment.get('REALNET_PORT', '8420')}"
        try:
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=30.0) as client:
                while not is_ready(client):
                    if process.poll() is not None or time.monotonic() > began + seconds:
                        sys.exit(f"not ready:\n{self._log.read_text()}")
                    time.sleep(0.05)
                say(f"ready after {time.monotonic() - began:.1f} s")
                quietly(*self.running("python", "/opt/realnet/healthcheck.py"))
                yield client
        finally:
            if process.poll() is None:
                os.kill(found(process.pid, self._command), sign)
            process.wait()

    def remove(self) -> None:
        """Remove the container, in which nothing may have been written but in its volume."""
        written = output("find", str(self.root), "-xdev", "-newermt", f"@{self._made_at}", "-type", "f")
        assert not written, f"written outside /data: {written}"
        quietly("buildah", "rm", self._box)


def found(pid: int, command: Sequence[str]) -> int:
    """Find the Python process that runs a command, among a process and those that it has started."""
    words = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
    if "python" in words[0] and words[2:] == [*command[1:]]:
        return pid
    tasks = Path(f"/proc/{pid}/task").iterdir()
    [child] = [child for task in tasks for child in (task / "children").read_text().split()]
    return found(int(child), command)


def is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/readyz").is_success
    except httpx.TransportError:
        return False


# What is checked:


def check_alone(log: Path) -> None:
    say("a container by itself, with its store on its volume")
    container = Container(log, {"REALNET_API_KEY": KEY})
    size = int(output("du", "-sm", str(container.root / "opt/realnet")).split()[0])
    say(f"image: {output('buildah', 'images', '--format', '{{.Size}}', IMAGE)}, {size} MB of them without its base")
    assert size <= LARGEST_MB, f"/opt/realnet has more than {LARGEST_MB} MB"
    check_kill(container)
    say("on a CPU of another kind, which compiles")
    with container.started(60.0, NUMBA_CPU_NAME="generic"):
        pass
    container.remove()


def check_compose(log: Path, redis_data: Path) -> None:
    say("a container with the environment of docker-compose.yml, beside Redis")
    server = services()["server"]
    redis_data.mkdir()
    redis = RedisServer(redis_data)
    try:
        container = Container(log, environment(server, redis))
        assert container.config["Cmd"] == server["command"]
        check_kill(container)
        with container.started() as client:
            check_fit(client)
        container.remove()
    finally:
        redis.kill()


def check_cluster(work: Path) -> None:
    say("a head and a node of a cluster as docker-compose.yml has them, beside Redis")
    (work / "cluster").mkdir()
    redis = RedisServer(work / "cluster")

    def container(name: str, **own: str) -> Container:
        composed = services()[name]
        command = [word.replace("cluster:", "127.0.0.1:") for word in composed["command"]]
        variables = environment(composed, redis) | {"REALNET_CLUSTER_SHARDS": "2"} | own
        return Container(work / f"log of {name}", variables, OF_CLUSTER, command, composed["tmpfs"])

    head, node = container("cluster"), container("node", REALNET_PORT=str(NODE_PORT))
    try:
        with head.started(CLUSTER_SECONDS, signal.SIGTERM) as client:
            net = client.post("/v1/nets", json={"name": "ada", "variant": "compact", "memory": 65536})
            net.raise_for_status()
            with node.started(CLUSTER_SECONDS, signal.SIGTERM) as other:
                wait_for(client, nodes=2)
                other.post("/v1/nets/ada/inputs?wait=true", json={"text": "to be"}).raise_for_status()
                say("a shard has moved to the node, whose gateway serves")
            wait_for(client, nodes=1)
            lived = client.get("/v1/nets/ada/net").raise_for_status().json()["tokens_seen"]
            assert lived == len("to be"), f"{lived} tokens were learnt"
            say("the node has left, and nothing is lost")
        for each in (head, node):
            each.remove()
    finally:
        redis.kill()


def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def environment(service: dict[str, Any], redis: RedisServer) -> dict[str, str]:
    """Return the variables of a service of docker-compose.yml, with a key, and with a Redis of this machine."""
    given = {
        name: value.replace("//redis:6379", f"//127.0.0.1:{redis.port}")
        for name, value in service["environment"].items()
    }
    assert given.keys() >= {"REALNET_API_KEY", "REALNET_STORE"}
    return given | {"REALNET_API_KEY": KEY}


def wait_for(client: httpx.Client, nodes: int) -> None:
    """Wait until all shards serve, on so many nodes."""
    until = time.monotonic() + CLUSTER_SECONDS
    while True:
        shards = client.get("/v1/cluster").raise_for_status().json()["shards"]
        if all(each["state"] == "ready" for each in shards) and len({each["node"] for each in shards}) == nodes:
            return
        assert time.monotonic() < until, f"not on {nodes} nodes: {shards}"
        time.sleep(0.2)


def check_kill(container: Container) -> None:
    with container.started() as client:
        client.post("/v1/inputs?wait=true", json={"text": "to be or not to be"}).raise_for_status()
        quietly(*container.running("diff", "-rq", "/opt/realnet/kernels", "/data/kernels"))  # nothing was compiled
        before = weights(client)
    with container.started() as client:
        assert weights(client) == before, "the weights are others after a kill"
    say("killed and started again: the same weights")


def weights(client: httpx.Client) -> str:
    return str(client.get("/v1/net?hash=true").raise_for_status().json()["weights_sha256"])


def check_fit(client: httpx.Client) -> None:
    text = client.post("/v1/datasets", files={"file": ("text.txt", b"to be or not to be, " * 40)}).raise_for_status()
    fit = client.post("/v1/jobs/fit", json={"dataset": text.json()["id"], "epochs": 1})
    if fit.status_code == 409 and "PyTorch" in fit.json()["detail"]:
        say(f"a fit is refused: {fit.json()['detail']}")
        return
    id = fit.raise_for_status().json()["id"]
    while (job := client.get(f"/v1/jobs/{id}").raise_for_status().json())["status"] in ("queued", "running"):
        time.sleep(0.2)
    assert job["status"] == "succeeded", job
    say("a fit succeeded")


# Commands:


def say(line: str) -> None:
    print(line, flush=True)


def output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def quietly(*command: str) -> None:
    """Run a command, whose last lines are shown if it fails."""
    run = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if run.returncode != 0:
        sys.exit("\n".join([*run.stdout.splitlines()[-20:], f"failed: {' '.join(command)}"]))


if __name__ == "__main__":
    main()
