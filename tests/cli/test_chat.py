"""`realnet chat`: the net learns what is said, tells how surprised it was, and answers."""

import os
import pty
import re

from tests.cli.commands import complaint, shown, started
from tests.running_server import RunningServer

LINE = "the cat sat on the mat"


def test_lines_of_a_pipe_are_learnt_and_answered(server: RunningServer) -> None:
    server.run(text=f"{LINE}\n" * 30)
    seen = server.net()["tokens_seen"]
    said = shown("chat", "--max-tokens", "30", given=f"{LINE}\n\n{LINE}, né?".encode(), url=server.url).split("\n")
    assert server.net()["tokens_seen"] == seen + len(LINE) + 1 + len(f"{LINE}, né?".encode()) + 1
    known, answer, more, unknown, *_ = said
    assert [re.fullmatch(r"(\d+\.\d\d) bits a character", line) is not None for line in said[:4]] == [1, 0, 0, 1]
    assert float(known.split()[0]) < float(unknown.split()[0])
    assert answer == more == LINE  # what has always come after such a line


def test_a_terminal_has_a_prompt_and_colours(server: RunningServer) -> None:
    server.run(text=f"{LINE}\n" * 30)
    outside, inside = pty.openpty()
    with started("chat", url=server.url, stdin=inside, stdout=inside, stderr=inside) as process:
        os.close(inside)
        screen = b""
        while b"> " not in screen:
            screen += os.read(outside, 1000)
        os.write(outside, f"{LINE}! ?\n".encode())
        while screen.count(b"> ") < 2:
            screen += os.read(outside, 1000)
        os.write(outside, b"\x04")  # Ctrl-D
        assert process.wait(30) == 0
    os.close(outside)
    assert b"\x1b[32mt" in screen  # green
    assert b"\x1b[31m" in screen  # red
    assert b"bits a character" in screen


def test_without_a_server_nobody_is_asked_to_talk() -> None:
    assert "realnet serve" in complaint("chat")
