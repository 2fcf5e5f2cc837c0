"""What it costs to take another server's life over: `python -m benchmarks.takeover [--text FILE] [--variant fast]`.

Two servers: one is taught the text, the other becomes what it is, by a snapshot and by its life relived. Meanwhile a
client teaches the other a token at a time: its longest wait for an answer bounds the pause.
"""

import argparse
import threading
import time
from pathlib import Path

from rich import print
from rich.table import Table

from benchmarks.running import Client, Server, running
from benchmarks.text import topics_text

_MESSAGE = 50_000  # tokens
_BESIDE_SECONDS = 3.0  # that the waits are looked at before


class Waits:
    """How long a client waits for each of its tokens to be learnt, within the block."""

    def __init__(self, server: Server) -> None:
        self.seconds: list[float] = []
        self._server = server
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._teach)

    def __enter__(self) -> "Waits":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _teach(self) -> None:
        with Client(self._server) as client:
            while not self._ended.wait(0.005):
                began = time.perf_counter()
                asked = client.post("/v1/inputs", params={"wait": "true", "outputs": "none"}, json={"text": "a"})
                self.seconds.append(time.perf_counter() - began)
                asked.raise_for_status()

    @property
    def told(self) -> str:
        ordered = sorted(self.seconds)
        return " · ".join(f"{1000 * ordered[int(share * (len(ordered) - 1))]:,.0f}" for share in (0.5, 0.99, 1.0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", type=Path)
    parser.add_argument("--variant", default="standard")
    asked = parser.parse_args()
    text = asked.text.read_text(errors="replace") if asked.text else topics_text()
    table = Table("way", "seconds", "tokens relived a second", "client's waits, ms: p50 · p99 · at most", "hashes")
    with (
        running(variant=asked.variant, snapshot_every=0) as other,
        running(variant=asked.variant, snapshot_every=0) as mine,
        Client(other) as there,
        Client(mine) as here,
    ):
        for start in range(0, len(text), _MESSAGE):
            part = {"text": text[start : start + _MESSAGE]}
            there.post("/v1/inputs", params={"wait": "true", "outputs": "none"}, json=part).raise_for_status()
        there.patch("/v1/net", json={"paused": True}).raise_for_status()  # so that its hash does not change with time
        with Waits(mine) as waits:
            time.sleep(_BESIDE_SECONDS)
        table.add_row("none", "", "", waits.told, "")
        for how in ("snapshot", "relive"):
            with Waits(mine) as waits:
                began = time.monotonic()
                id = here.ask("/v1/takeovers", url=other.url, how=how)["id"]
                job = here.end_of(id)
                seconds = time.monotonic() - began
            result = job["result"]
            is_same = result["state_sha256"] == there.get("/v1/net?hash=true").json()["state_sha256"]
            relived = f"{result['tokens_per_second']:,}" if how == "relive" else ""
            table.add_row(how, f"{seconds:.1f}", relived, waits.told, "the same" if is_same else "not the same")
    print(f"{len(text):,} characters", table)


if __name__ == "__main__":
    main()
