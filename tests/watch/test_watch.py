"""What there is to be seen of a net: history, anchors, activity, weights, and that nobody pays who does not look."""

import asyncio
import bz2
import json
import lzma
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from realnet.score import FIRST_INTERVAL, POINTS, History
from tests.api.asking import TEXT, problem_of, until
from tests.running_server import RunningServer, ThreadServer

LIVELY = TEXT * 12  # some 10,000 tokens


def get(server: RunningServer, path: str, **query: Any) -> dict[str, Any]:
    return server._json(server.client.get(f"/v1/{path}", params=query))


def columns(history: dict[str, Any]) -> list[list[float]]:
    return [history[name] for name in ("tokens", "accuracy", "surprise")]


def test_a_history_does_not_depend_on_how_a_stream_was_cut() -> None:
    random = np.random.default_rng(0)
    hits, bits = (random.random(POINTS * FIRST_INTERVAL * 5).astype(np.float32) for _ in range(2))
    whole, cut = History(), History()
    whole.update(hits, bits)
    for part in np.array_split(np.arange(len(hits)), 997):
        cut.update(hits[part], bits[part])
    assert whole.kept() == cut.kept()
    assert whole.interval == 8 * FIRST_INTERVAL
    assert np.allclose(whole.sums.sum(0), [len(hits), hits.sum(), bits.sum()], rtol=1e-4)
    assert History(*cut.kept()).kept() == cut.kept()
    with pytest.raises(ValueError, match="not a history"):
        History(16, 0, b"1")


def test_a_history_goes_back_and_leaps() -> None:
    history = History()
    history.update(np.ones(100, np.float32), np.ones(100, np.float32))
    history.go_to(40)  # within the third point, which is forgotten
    assert history.sums[:, 0].sum() == 32
    history.go_to(10**6)
    assert (history.sums[:, 0].sum(), history.interval) == (32, 2048)


def test_the_history_survives_a_kill_and_a_restore_cuts_it_off(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(variant="fast", snapshot_every=0).start()
    assert columns(get(server, "net/history")) == [[], [], []]
    server.run(text=LIVELY)
    snapshot = server.snapshot()
    server.run(text=TEXT[:100])
    net = server.net()
    server.terminate()
    server.start()
    history = get(server, "net/history")
    assert history["tokens"][-1] == net["tokens_seen"] == len(LIVELY) + 100
    assert (history["interval"], len(history["tokens"])) == (32, -(-net["tokens_seen"] // 32))
    assert history["surprise"][0] > 5 > 1 > history["surprise"][-2]
    assert history["accuracy"][0] < 0.4 < 0.9 < history["accuracy"][-2]
    server.kill()
    server.start()
    assert get(server, "net/history") == history

    server.client.post(f"/v1/snapshots/{snapshot['id']}/restore")
    until(lambda: get(server, "net/history")["tokens"][-1] <= len(LIVELY))
    server.run(text="one more line\n")
    until(lambda: get(server, "net/history")["tokens"][-1] == len(LIVELY) + 14)


def test_the_anchors_are_measured_on_what_was_learnt(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(variant="fast").start()
    server.run(text=TEXT)
    server.run(text="not learnt", learn=False)
    sizes = {"bzip2": len(bz2.compress(TEXT.encode())), "xz": len(lzma.compress(TEXT.encode()))}
    expected = [{"name": name, "bits": round(8 * size / len(TEXT), 4)} for name, size in sizes.items()]
    assert get(server, "net/anchors") == {"tokens": len(TEXT), "anchors": expected}


def test_the_anchors_leave_out_what_a_restore_has_undone(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(variant="fast").start()
    server.run(text="what will be kept")
    saved = server.snapshot()["id"]
    server.run(text=TEXT)
    server.client.post(f"/v1/snapshots/{saved}/restore").raise_for_status()
    assert get(server, "net/anchors")["tokens"] == len("what will be kept")


def test_there_are_no_anchors_before_the_first_token(new_server: Callable[..., ThreadServer]) -> None:
    assert get(new_server(variant="fast").start(), "net/anchors") == {"tokens": 0, "anchors": []}


def test_dendrites_tell_how_far_they_are_heard(server: RunningServer) -> None:
    server.run(text=TEXT)
    activity = get(server, "net/activity")
    expected = get(server, "net/explain", context="", fresh="false")
    assert (activity["kind"], activity["tick"]) == ("dendrites", server.net()["tick"])
    assert activity["explanation"] == expected
    matrix = get(server, "net/matrix")
    assert (matrix["what"], matrix["rows"] % 2048, len(matrix["cells"])) == ("gains", 0, 64)
    assert {len(row) for row in matrix["cells"]} == {min(64, matrix["columns"])}
    assert any(value for row in matrix["cells"] for value in row)


def test_what_is_expected_is_what_is_said_next(server: RunningServer, new_server: Callable[..., ThreadServer]) -> None:
    for each in (server, new_server(preset="surprise", neurons=1000).start()):
        [output] = each.run(text=TEXT)[-1:]
        expected = get(each, "net/expected")
        assert expected["tick"] == output["tick"]
        assert [row["token"] for row in expected["next"]] == [row["token"] for row in output["next"]]
        for said, row in zip(output["next"], expected["next"], strict=True):
            assert row["probability"] == pytest.approx(said["probability"], abs=1e-3)
            assert row["text"] == chr(row["token"])


@pytest.mark.anyio
async def test_who_watches_is_told_what_goes_on_and_sent_samples(server: RunningServer) -> None:
    async with connect(f"ws://127.0.0.1:{server.port}/v1/stream?watch=true&outputs=surprise") as stream:
        heard: dict[str, dict[str, Any]] = {}

        async def hear(type: str) -> dict[str, Any]:
            while True:
                message = json.loads(await stream.recv())
                if message["type"] == type:
                    return dict(message)

        watched = await hear("watch")
        assert watched["net"]["listeners"] == 1
        await asyncio.to_thread(server.run, text=LIVELY * 4)
        tick = server.net()["tick"]
        last = await hear("outputs")
        while last["first_tick"] + last["count"] <= tick:
            heard[str(last["first_tick"])] = last
            last = await hear("outputs")
        assert last["count"] <= 512
        assert sum(message["count"] for message in heard.values()) < len(LIVELY) * 3
        while (watched := await hear("watch"))["net"]["tick"] != tick:
            pass
        assert watched["expected"] == await asyncio.to_thread(get, server, "net/expected")
        assert watched["activity"]["kind"] == "dendrites"
    until(lambda: server.net()["listeners"] == 0)
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"ws://127.0.0.1:{server.port}/v1/stream?watch=1")
    assert refused.value.response.status_code == 422


def test_neurons_are_looked_at_while_somebody_asks(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(preset="surprise", neurons=1000).start()
    first = get(server, "net/activity")
    assert (first["kind"], first["neurons"]) == ("neurons", 1000)
    for sign in "a net":
        server.run(text=sign)

    def ticks() -> list[int]:
        return [each["tick"] for each in get(server, "net/activity")["firings"]]

    until(lambda: ticks()[-1] == 5)
    assert ticks() == sorted(set(ticks()))
    last = get(server, "net/activity")["firings"][-1]
    assert 0 < len(last["neurons"]) == len(last["activity"]) <= 128
    assert all(0 < value <= 1 for value in last["activity"])
    matrix = get(server, "net/matrix")
    net = server.net()
    assert (matrix["what"], matrix["rows"], matrix["columns"]) == ("synapses", 1000, 1000 - net["inputs"])
    assert all(abs(value) <= 2 for row in matrix["cells"] for value in row)


def test_what_a_net_cannot_show_is_a_conflict(
    frames_server: RunningServer, new_server: Callable[..., ThreadServer]
) -> None:
    compact = new_server(variant="compact", memory=2**18).start()
    for server, paths in ((frames_server, ["anchors", "tokens?id=1"]), (compact, ["activity", "matrix"])):
        for path in paths:
            problem_of(server.client.get(f"/v1/net/{path}"), 409)
    assert get(frames_server, "net/history")["tokens"] == []
    assert get(frames_server, "net/matrix")["what"] == "synapses"


def test_tokens_are_written(server: RunningServer) -> None:
    assert get(server, "net/tokens", id=[104, 10, 255]) == {"texts": ["h", "\n", "\ufffd"]}
    for query in ("", "?id=256", "?id=-1", "?id=x", "?" + "&".join(["id=1"] * 257)):
        problem_of(server.client.get(f"/v1/net/tokens{query}"), 422)


def test_a_caller_is_told_its_scope(server: RunningServer, new_server: Callable[..., ThreadServer]) -> None:
    all_nets = {"nets": ["*"], "max_nets": None, "max_bytes": None}
    assert get(server, "me") == {"name": "anybody", "scope": "admin", "keys_required": False} | all_nets
    guarded = new_server(api_key="a key of enough letters".replace(" ", "-"))
    guarded.client.headers["Authorization"] = "Bearer a-key-of-enough-letters"
    guarded.start()
    assert get(guarded, "me") == {"name": "environment", "scope": "admin", "keys_required": True} | all_nets
    nobody: dict[str, object] = {
        "name": "anybody",
        "scope": None,
        "keys_required": True,
        "nets": [],
        "max_nets": None,
        "max_bytes": None,
    }
    for headers in ({}, {"Authorization": "Bearer another-key-of-letters"}):
        assert httpx.get(f"{guarded.url}/v1/me", headers=headers).json() == nobody


def test_the_net_tells_its_queue_its_listeners_and_its_memory(server: RunningServer) -> None:
    net = server.net()
    assert net["queue_capacity"] > net["queue_depth"] == 0 == net["listeners"]
    assert net["memory_bytes"] is None or net["memory_bytes"] > 10**7
