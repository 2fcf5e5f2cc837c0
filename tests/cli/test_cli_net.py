"""`realnet info`, `explain`, `pause`, `resume`, `set` and `outputs`."""

import json
import re
import signal
from collections.abc import Callable

import pytest

from tests.cli.commands import complaint, shown, started
from tests.running_server import RunningServer, ThreadServer


def fields(*arguments: str, server: RunningServer) -> dict[str, str]:
    """Return what a command prints, by the name at the beginning of each line."""
    lines = shown(*arguments, url=server.url).splitlines()
    return dict(re.split(r"  +", line, maxsplit=1) for line in lines)


def test_info_tells_what_the_net_is(server: RunningServer) -> None:
    server.run(text="to be")
    told, net = fields("info", server=server), server.net()
    assert told["preset"] == net["preset"] == "dendrites"
    assert told["neurons"] == f"{net['neurons']:,}"
    assert told["plasticity"] == "yes: it learns"
    assert told["tokens seen"] == f"{net['tokens_seen']:,}"
    assert told["reads"] == "tokens: bytes, of which there are 256"
    assert json.loads(shown("info", "--json", url=server.url))["tick"] == net["tick"]


def test_info_of_a_net_of_frames_names_no_tokens(frames_server: RunningServer) -> None:
    told = fields("info", server=frames_server)
    assert (told["reads"], told["says"]) == ("frames of 3 values", "frames of 2 values")
    assert not told.keys() & {"tokens seen", "accuracy", "surprise"}


def test_it_is_told_why_the_net_expects_something(server: RunningServer) -> None:
    server.run(text="abcabcabc" * 10)
    first, head, *lines = shown("explain", "abcab", url=server.url).splitlines()
    assert re.fullmatch(r"after 'abcab' it expects 'c', probability 0\.9\d*", first)
    assert head.split() == ["dendrite", "of", "asked", "says", "gain", "moves", "it", "by", "bits"]
    assert any(re.match(r"order 1 +\d+ +[0-9.e-]+ +-?[0-9.]+ +[+-][0-9.]+$", line) for line in lines)
    why = json.loads(shown("explain", "abcab", "--in-mind", "--json", url=server.url))
    assert why["token"] == ord("c")


def test_a_net_that_cannot_tell_why_says_so(frames_server: RunningServer) -> None:
    assert "only a net of dendrites" in complaint("explain", url=frames_server.url)
    assert "context: " in complaint("explain", "x" * 2000, url=frames_server.url)


def test_it_is_paused_and_resumed(server: RunningServer) -> None:
    assert shown("pause", url=server.url) == "paused\n"
    assert fields("info", server=server)["mode"].startswith("paused: `realnet resume`")
    assert shown("resume", url=server.url) == "resumed\n"
    assert server.net()["mode"] != "paused"


def test_what_may_change_is_changed(server: RunningServer) -> None:
    before = server.net()
    told = fields("set", "--rate", "0.5", "--no-plasticity", "--tick-hz", "2", server=server)
    assert told == {"learning rate": "0.5", "plasticity": "no", "tick hz": "2", "self loop": "no"}
    assert fields("set", "--learning-rate", "1", server=server)["plasticity"] == "no"  # what is not given stays
    back = fields("set", "--plasticity", "--tick-hz", str(before["tick_hz"]), server=server)
    assert (back["plasticity"], server.net()["tick_hz"]) == ("yes", before["tick_hz"])


def test_outputs_are_printed_as_lines_and_as_json(server: RunningServer) -> None:
    tick = server.net()["tick"]
    ran = server.run(text="a\nb")
    lines = shown("outputs", "--after", str(tick), "--limit", "2", url=server.url).splitlines()
    assert [line.split()[:2] for line in lines] == [[str(ran[0]["tick"]), "'a'"], [str(ran[1]["tick"]), r"'\n'"]]
    assert f"{ran[0]['surprise']:.2f} bits" in lines[0]
    told = [json.loads(line) for line in shown("outputs", "--after", str(tick), "--json", url=server.url).splitlines()]
    assert [each["token"] for each in told] == [ord(sign) for sign in "a\nb"]
    assert all(told[index].items() >= ran[index].items() for index in range(3))


def test_outputs_of_frames_are_values(frames_server: RunningServer) -> None:
    tick = frames_server.net()["tick"]
    [ran] = frames_server.run(frames=[[0, 1, 0.5]])
    line = shown("outputs", "--after", str(tick), url=frames_server.url)
    assert line.split() == [str(ran["tick"]), *(f"{value:.3f}" for value in ran["values"])]


@pytest.mark.parametrize("form", ["", "--json"])
def test_outputs_are_followed_until_ctrl_c(server: RunningServer, form: str) -> None:
    server.run(text="before")
    after = str(server.net()["tick"])
    with started("outputs", "--follow", "--after", after, *([form] if form else []), url=server.url) as process:
        server.run(text="xy")
        assert process.stdout is not None
        lines = [process.stdout.readline().decode() for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    shapes = ('"token":120', '"token":121') if form else ("'x'", "'y'")
    assert all(shape in line for shape, line in zip(shapes, lines, strict=True))


def test_outputs_are_followed_over_a_restart(new_server: Callable[..., ThreadServer]) -> None:
    server = new_server(neurons=1000).start()
    with started("outputs", "--follow", "--after", "0", url=server.url) as process:
        assert process.stdout is not None
        server.run(text="x")
        assert b"'x'" in process.stdout.readline()
        server.terminate()
        server.start()
        server.run(text="y")
        assert b"'y'" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130


def test_it_grows_and_shrinks(server: RunningServer) -> None:
    grown = fields("grow", "--lines", "16384", "--context", "order 5", "--context", "skip", server=server)
    assert grown["lines"] == "16,384 of up to 1,048,576"
    assert grown["contexts"].endswith("order 5; skip")
    assert fields("shrink", "8192", server=server)["lines"] == "8,192 of up to 8,192"
    assert fields("info", server=server)["lines"] == "8,192 of up to 8,192"
    assert "--lines or --context" in complaint("grow", url=server.url, status=2)
    assert "--lines: a power of two" in complaint("grow", "--lines", "5000", url=server.url)
    assert "--context: there is no context of this name" in complaint("grow", "--context", "gossip", url=server.url)
    assert "'skip' is one of its contexts already" in complaint("grow", "--context", "skip", url=server.url)


def test_it_tells_of_itself(server: RunningServer) -> None:
    server.run(text="the cat sat on the mat. " * 100, label="cats")
    saved = server.snapshot()["id"]
    said = shown("self", "--since", saved, "--remember", url=server.url)
    assert "default is a net of the preset dendrites: " in said
    assert re.search(r"^cats +2,400 +0\.\d+ +0\.\d+ +\d+%$", said, re.MULTILINE)
    assert f"since snapshot {saved} of " in said
    assert "of the older half of what is kept" in said
    assert re.search(r"tick \d+ surprised it by \d+\.\d bits: ", said)
    told = json.loads(shown("self", "--json", url=server.url))
    assert told["lived"]["tokens"] == server.net()["tokens_seen"]
    assert "no snapshot has this id" in complaint("self", "--since", "99999999", url=server.url)


def test_the_hive_of_one_is_shown(server: RunningServer) -> None:
    head, row = shown("hive", url=server.url).splitlines()
    assert head.startswith("server")
    assert row.split()[:3] == [server.url, "leader", "ready"]
    told = json.loads(shown("hive", "--json", url=server.url))
    assert told == server.client.get("/v1/hive").json()
    assert shown("promote", url=server.url).splitlines()[0] == head  # it leads already
