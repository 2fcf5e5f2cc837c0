"""Take the pictures of the page for the docs: `python -m tests.page.picture`.

A new net reads the project's own pages, from the first to the last; and streams are watched.
"""

import math
import random
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.page.browser import Visit, opened_browser
from tests.running_server import ThreadServer

MOST_BYTES = 300_000
_ROOT = Path(__file__).parents[2]
_PIECE = 2000


def take(browser: Browser, to: Path) -> None:
    """Write `page.png` and `streams.png` into a directory."""
    with tempfile.TemporaryDirectory() as directory:
        server = ThreadServer(Path(directory)).start()
        try:
            with Visit(browser, server, viewport={"width": 1280, "height": 900}) as visit:
                visit.is_open()
                text = "".join((_ROOT / name).read_text() for name in ("README.md", "docs/concepts.md"))
                for start in range(0, len(text), _PIECE):
                    piece = {"text": text[start : start + _PIECE]}
                    server.client.post("/v1/inputs?wait=true&outputs=none", json=piece).raise_for_status()
                server.snapshot()
                server.run(text="\nThe net predicts each token, learns it, and gives a zebra 31 bits.\n")
                expect(visit.page.locator("#life-legend .bzip2")).to_be_visible()
                expect(visit.see("n-rate")).to_have_text("0")  # all has come to rest
                expect(visit.see("life-note")).to_contain_text("measured here")
                visit.page.screenshot(path=to / "page.png")
                watch(server)
                visit.see("streams").get_by_role("button", name="web-1 load").click()
                expect(visit.see("streams-chart")).to_have_attribute("aria-label", "The last rows of web-1 load")
                visit.see("p-streams").screenshot(path=to / "streams.png")
        finally:
            server.close()


def watch(server: ThreadServer) -> None:
    """Have streams with news: of a load that swings, and of a log."""
    chance, now = random.Random(1), time.time()
    load = [40 + 12 * math.sin(row / 40) + chance.gauss(0, 1.2) for row in range(700)]
    load[480:482] = [88.0, 91.0]
    load[640:652] = range(75, 87)
    rows = [{"at": now - 30 * (700 - row), "value": round(value, 2)} for row, value in enumerate(load)]
    lines = [f"sshd[{chance.randrange(9999)}]: Accepted publickey for user{row % 7}" for row in range(600)]
    lines[570] = "kernel: Out of memory: Killed process 4711 (python3)"
    for stream in (
        {"stream": "auth.log", "lines": lines},
        {"stream": "new-host load", "values": load[:62]},
        {"stream": "web-1 load", "rows": rows},
    ):
        server.client.post("/v1/observe?told=none", json=stream).raise_for_status()


if __name__ == "__main__":
    with opened_browser() as browser:
        take(browser, _ROOT / "docs")
