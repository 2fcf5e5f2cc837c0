"""A real browser, and visits to the page that say what went wrong in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.running_server import RunningServer

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
_FLAGS += ["--disable-component-update", "--disable-sync"]

expect.set_options(timeout=15_000)


@contextmanager
def opened_browser() -> Iterator[Browser]:
    """Open Debian's Chromium, or skip the test where it is not installed."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        yield browser
        browser.close()


class Visit:
    """A tab with the page of a server. At its end, nothing was said on the console, and no other host was asked.

    `outage` is whether the server is away for a while, which the browser itself writes on the console.
    """

    def __init__(self, browser: Browser, server: RunningServer, outage: bool = False, **context: Any) -> None:
        self.context = browser.new_context(**context)
        self.server = server
        self.outage = outage
        self.complaints: list[str] = []
        self.page = self.tab()

    def tab(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", self._check_host)
        page.goto(self.server.url + path)
        return page

    def _check_host(self, request: Any) -> None:
        if not request.url.startswith((self.server.url, "data:", "blob:")):
            self.complaints.append(f"another host: {request.url}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.context.close()
        if kind is None:
            away = ("net::ERR", "WebSocket connection", "503 (Service Unavailable)")
            assert [each for each in self.complaints if not (self.outage and any(word in each for word in away))] == []

    # What many tests look at and do:

    def see(self, id: str) -> Locator:
        return self.page.locator(f"#{id}")

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def is_open(self) -> None:
        """Wait until the stream has told what the net is."""
        expect(self.see("mode")).to_have_attribute("data-mode", "awake")

    def check_access(self) -> None:
        """Let axe-core look for what people with other ways to see and to point would stumble on."""
        found = Axe().run(self.page)
        assert found.violations_count == 0, found.generate_report()
