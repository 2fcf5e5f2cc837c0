"""The `realnet` command, run in this process, which has its imports, or in one of its own."""

import os
import sys
from collections.abc import Mapping
from io import BytesIO, TextIOWrapper
from subprocess import PIPE, CompletedProcess, Popen

import pytest

from service.cli.main import main

NOWHERE = "http://127.0.0.1:1"  # no server answers there


def command(*arguments: str) -> list[str]:
    """Return the command line of a process."""
    return [sys.executable, "-m", "service.cli.main", *arguments]


def environment(url: str) -> dict[str, str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("REALNET_")}
    return others | {"REALNET_URL": url, "COLUMNS": "200"}


def started(
    *arguments: str, url: str, stdin: int | None = None, stdout: int = PIPE, stderr: int = PIPE
) -> "Popen[bytes]":
    """Start a process of its own, whose standard output is a pipe; what is given may be a terminal."""
    return Popen(command(*arguments), env=environment(url), stdin=stdin, stdout=stdout, stderr=stderr)


def realnet(
    *arguments: str, url: str = NOWHERE, given: bytes = b"", variables: Mapping[str, str] = {}
) -> "CompletedProcess[bytes]":
    """Run the command in this process with `given` in a pipe; return what its process would leave."""
    reader, writer = os.pipe()
    os.write(writer, given)
    os.close(writer)
    out, error = BytesIO(), BytesIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        os.fdopen(reader, encoding="utf-8") as pipe,
        TextIOWrapper(out, "utf-8", write_through=True) as stdout,
        TextIOWrapper(error, "utf-8", write_through=True) as stderr,
    ):
        for name in os.environ.keys() - environment(url).keys():
            patch.delenv(name)
        for name, value in {**environment(url), **variables}.items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["realnet", *arguments])
        for stream, file in (("stdin", pipe), ("stdout", stdout), ("stderr", stderr)):
            patch.setattr(sys, stream, file)
        with pytest.raises(SystemExit) as ended:
            main()
        status = ended.value.code or 0
        assert isinstance(status, int)
        return CompletedProcess(arguments, status, out.getvalue(), error.getvalue())


def shown(*arguments: str, url: str = NOWHERE, given: bytes = b"", variables: Mapping[str, str] = {}) -> str:
    """Return what a command that succeeds prints."""
    ended = realnet(*arguments, url=url, given=given, variables=variables)
    assert (ended.returncode, ended.stderr) == (0, b"")
    return ended.stdout.decode()


def complaint(
    *arguments: str, url: str = NOWHERE, status: int = 1, given: bytes = b"", variables: Mapping[str, str] = {}
) -> str:
    """Return what a command that fails says: one line."""
    ended = realnet(*arguments, url=url, given=given, variables=variables)
    assert (ended.returncode, ended.stdout) == (status, b"")
    line, end = ended.stderr.decode().split("\n")
    assert line.startswith("realnet: ")
    assert end == ""
    return line
