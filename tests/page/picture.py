"""Take the picture of the page for the docs: `python -m tests.page.picture`.

A new net reads the project's own pages, from the first to the last.
"""

import tempfile
from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.page.browser import Visit, opened_browser
from tests.running_server import ThreadServer

MOST_BYTES = 300_000
_ROOT = Path(__file__).parents[2]
_PIECE = 2000


def take(browser: Browser, to: Path) -> None:
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
                visit.page.screenshot(path=to)
        finally:
            server.close()


if __name__ == "__main__":
    with opened_browser() as browser:
        take(browser, _ROOT / "docs/page.png")
