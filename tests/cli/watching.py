"""`realnet watch` in this process, with detectors that tell what they are asked to."""

import os
import signal
from collections.abc import Callable, Mapping
from subprocess import CompletedProcess
from threading import Event, Thread

import pytest

from service.cli.watching import detectors
from service.cli.watching.judges import What
from tests.cli.commands import realnet
from tests.cli.simple_detector import Row, SimpleDetector, simple_kind

UTC = {"TZ": "UTC"}


class Watching:
    """Runs the command; `seen` is what the detectors have seen, of all runs."""

    def __init__(self) -> None:
        self.seen: list[Row] = []
        SimpleDetector.seen = self.seen

    def run(self, *arguments: str, given: bytes = b"", variables: Mapping[str, str] = {}) -> "CompletedProcess[bytes]":
        return realnet("watch", *arguments, given=given, variables=variables)

    def run_until(
        self, act: Callable[[], object], *arguments: str, ends: signal.Signals = signal.SIGINT
    ) -> "CompletedProcess[bytes]":
        """Run it, do `act` on another thread while it runs, and end it by a signal then."""
        ended, failures = Event(), list[BaseException]()

        def acting() -> None:
            try:
                act()
            except BaseException as failure:
                failures.append(failure)
            if not ended.is_set():
                os.kill(os.getpid(), ends)

        thread = Thread(target=acting)
        thread.start()
        try:
            return self.run(*arguments)
        finally:
            ended.set()
            thread.join()
            for failure in failures:
                raise failure

    def texts(self) -> list[What]:
        return [row.what for row in self.seen]


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    monkeypatch.setattr(detectors, "kind_of", simple_kind)
    return Watching()
