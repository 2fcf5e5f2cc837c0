"""What a new net has from dreams, all through the service: `python -m benchmarks.dream`.

A cycle of 8 tokens and 200 random pairs, recalled with plasticity off, also after an hour's worth of ticks without
input, really computed. And copy and its opposite from a .csv, asked with the state as it is: 20 seeds, and beside each
the same net before its dream. At last a text of 200 MB, of which as much is dreamt as the seconds allow, by dendrites.
"""

import argparse
import json
import random
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich import print
from rich.table import Table

from benchmarks.running import Client, running
from benchmarks.text import topics_text

HOUR = 36_000  # ticks at 10 a second
SEEDS = 20
PAIRS = 200
EPOCHS = {"dendrites": 1, "surprise": 3}  # dendrites need no second one


def of_tokens(preset: str, epochs: int) -> list[str]:
    """Return what is recalled before the dream, after it, and after an hour of ticks without input."""
    chance = random.Random(0)
    cycle = chance.sample(range(97, 123), 8)
    pairs = {first: chance.randrange(256) for first in chance.sample(range(256), PAIRS)}
    lines = "\n".join(json.dumps({"input": [first], "target": [second]}) for first, second in pairs.items())

    def recalled(client: Client) -> str:
        right = sum(client.recall([first], 1) == [second] for first, second in pairs.items())
        cycles = sum(a == b for a, b in zip(client.recall(cycle, 64), cycle * 8, strict=True))
        return f"{right / PAIRS:.1%} of the pairs, {cycles / 64:.0%} of the cycle"

    with running(preset=preset, free_run=True, tick_hz=1000) as server, Client(server) as client:
        assert client.get("/v1/net").json()["preset"] == preset
        before = recalled(client)
        client.job("dream", dataset=client.upload("pairs.jsonl", lines.encode()), epochs=epochs)
        client.job("dream", dataset=client.upload("cycle.txt", bytes(cycle * 20)), epochs=epochs)
        after, tick = recalled(client), client.get("/v1/net").json()["tick"]
        while client.get("/v1/net").json()["tick"] < tick + HOUR:
            time.sleep(0.1)
        return [before, after, recalled(client)]


def of_bits(seed: int, opposite: bool) -> tuple[bool, bool]:
    """Whether all of its answers are right, before and after the dream."""
    chance = random.Random(seed)
    shown, asked = ([chance.randrange(2) for _ in range(count)] for count in (400, 50))
    rows = "\n".join(f"{bit},{1 - bit},{int(bit ^ opposite)}" for bit in shown)
    told = [frame for bit in asked for frame in ([bit, 1 - bit], [0, 0])]

    def is_right(client: Client) -> bool:
        answer = client.post("/v1/inputs", params={"wait": "true"}, json={"frames": told, "learn": False})
        values = [output["values"][0] for output in answer.raise_for_status().json()["outputs"][1::2]]
        return all((value > 0.5) == bool(bit ^ opposite) for value, bit in zip(values, asked, strict=True))

    with running("--inputs", "2", "--outputs", "1", "--seed", str(seed)) as server, Client(server) as client:
        before = is_right(client)
        fields = {"inputs": "one,zero", "targets": "wanted"}
        client.job("dream", dataset=client.upload("bits.csv", f"one,zero,wanted\n{rows}".encode(), **fields))
        return before, is_right(client)


def of_a_large_text(megabytes: int, seconds: float) -> list[str]:
    told = topics_text().encode()
    with TemporaryDirectory() as directory, running() as server, Client(server) as client:
        path, before = Path(directory) / "large.txt", server.megabytes()
        with path.open("wb") as file:
            for _ in range(megabytes * 10**6 // len(told)):
                file.write(told)
        began = time.monotonic()
        with path.open("rb") as file:
            id = client.post("/v1/datasets", files={"file": file}).raise_for_status().json()["id"]
        uploaded, after_upload = time.monotonic() - began, server.megabytes("VmHWM")
        job = client.ask("/v1/jobs/dream", dataset=id)["id"]
        time.sleep(seconds)
        ended = client.post(f"/v1/jobs/{job}/cancel").json()
        tokens = ended["progress"] * path.stat().st_size
        return [
            f"uploaded in {uploaded:.1f} s, memory {before:.0f} MB before, {after_upload:.0f} MB at most",
            f"{tokens / seconds:,.0f} tokens a second dreamt, {server.megabytes('VmHWM'):.0f} MB at most",
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="*", default=list(EPOCHS), choices=EPOCHS, help="of the nets of tokens")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--seconds", type=float, default=120.0, help="of the large text")
    arguments = parser.parse_args()
    table = Table("what", "before", "after the dream", "after an hour of ticks")
    for preset in arguments.presets:
        table.add_row(f"tokens, {preset}, epochs: {EPOCHS[preset]}", *of_tokens(preset, EPOCHS[preset]))
    for name, opposite in (("copy", False), ("not", True)):
        right = [of_bits(seed, opposite) for seed in range(arguments.seeds)]
        table.add_row(
            f"{name}, seeds all right", *(f"{sum(column)} of {len(right)}" for column in zip(*right, strict=True)), ""
        )
    print(table)
    for line in of_a_large_text(200, arguments.seconds):
        print(line)


if __name__ == "__main__":
    main()
