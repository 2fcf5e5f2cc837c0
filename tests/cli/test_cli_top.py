"""`realnet top`."""

import os
import pty
import re
import signal
from subprocess import Popen

from tests.cli.commands import command, environment, shown
from tests.running_server import RunningServer

TEXT = "round and round it goes; " * 60


def test_it_is_printed_once_where_there_is_no_terminal(server: RunningServer) -> None:
    server.run(text=TEXT)
    saved = shown("snapshot", "save", "--name", "[b]mine", url=server.url).partition(":")[0]
    for arguments in ([], ["--once"]):
        lines = shown("top", *arguments, url=server.url).splitlines()
        told = dict(re.split("  +", line.rstrip(), maxsplit=1) for line in lines if "  " in line.rstrip())
        net = server.net()
        assert lines[0] == f"default at {server.url}: {net['mode']}"
        assert told["tokens seen"] == f"{net['tokens_seen']:,}"
        assert told["queue"] == f"0 of {net['queue_capacity']:,} ticks"
        assert re.fullmatch(r"[0-9.]+ +█[▁-█]+  [0-9.]+ to [0-9.]+", told["surprise, bits"])  # it falls
        assert lines[-1].rstrip() == f"1 snapshots, the last {saved}, [b]mine, of tick {net['tick']:,}"


def test_a_net_of_frames_has_no_tokens_in_it(frames_server: RunningServer) -> None:
    picture = shown("top", url=frames_server.url)
    assert "ticks a second" in picture
    assert "tokens" not in picture


def test_a_terminal_shows_what_changes_until_ctrl_c(server: RunningServer) -> None:
    outside, inside = pty.openpty()
    terminal = environment(server.url) | {"TERM": "xterm", "LINES": "40"}
    with Popen(command("top", "--every", "0.1"), env=terminal, stdout=inside) as process:
        screen = ""
        while "memory" not in screen:
            screen += os.read(outside, 10_000).decode(errors="replace")
        server.run(text=TEXT)
        now = f"{server.net()['tokens_seen']:,}"
        assert now not in screen
        while now not in screen:
            screen += os.read(outside, 10_000).decode(errors="replace")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    os.close(inside)
    os.close(outside)
