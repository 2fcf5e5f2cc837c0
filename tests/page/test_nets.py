"""The page of a server with several nets, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from service.auth.keys import Scope, create_key
from service.auth.share import Share
from tests.auth.guarded import bearer
from tests.page.browser import Visit
from tests.running_server import ThreadServer

ADMIN = "an-admins-key-of-the-environment"
SMALL = {"variant": "fast", "max_lines": 2**12, "tick_hz": 0.001}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys"


@pytest.fixture(scope="module")
def shop_key(keys: Path) -> str:
    return create_key(keys, "shop", Scope.TEACH, Share(("shop-*",)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, keys: Path, shop_key: str) -> Iterator[ThreadServer]:
    server = ThreadServer(tmp_path_factory.mktemp("server"), api_key=ADMIN, keys_file=keys, **SMALL)
    server.client.headers = bearer(ADMIN)
    yield server.start()
    server.close()


def enter(visit: Visit, key: str) -> None:
    visit.see("key").fill(key)
    visit.press("Open")


def make(server: ThreadServer, *names: str) -> None:
    for name in names:
        server.client.post("/v1/nets", json={"name": name, **SMALL}).raise_for_status()


def test_each_net_has_a_page_which_the_address_names(browser: Browser, server: ThreadServer) -> None:
    with Visit(browser, server) as visit:
        enter(visit, ADMIN)
        visit.is_open()
        expect(visit.see("nets")).to_be_hidden()  # there is no choice
        make(server, "shop-1", "shop-2")
        visit.page.reload()
        chooser = visit.page.get_by_role("combobox", name="Net")
        expect(chooser.locator("option")).to_have_text(["default", "shop-1", "shop-2"])
        visit.check_access()
        chooser.select_option("shop-1")
        visit.page.wait_for_url("**/?net=shop-1")
        visit.is_open()
        expect(visit.page).to_have_title("shop-1 – RealNet")
        expect(chooser).to_have_value("shop-1")
        visit.see("say").fill("the shop opens")
        visit.press("Teach")
        expect(visit.see("text")).to_contain_text("the shop opens")
        visit.press("Save")
        expect(visit.see("snapshots-answer")).to_have_text("Saved.")
        visit.press("Pause")
        expect(visit.see("mode")).to_have_text("paused")
        seen = {name: server.client.get(f"/v1/nets/{name}/net").json() for name in ("default", "shop-1", "shop-2")}
        assert [each["tokens_seen"] for each in seen.values()] == [0, 14, 0]
        assert [each["mode"] == "paused" for each in seen.values()] == [False, True, False]
        assert server.client.get("/v1/snapshots").json()["data"] == []

        for path in ("/v1/merges", "/v1/me", "/v1/nets?limit=1", "/v1/nets/a", "/v1/net"):
            is_of_net = path in ("/v1/merges", "/v1/net")
            placed = visit.page.evaluate(
                f"import('/page/session.js').then(({{Session}}) => new Session().place('{path}'))"
            )
            assert placed == (path.replace("/v1/", "/v1/nets/shop-1/") if is_of_net else path)
        server.client.delete("/v1/nets/shop-1").raise_for_status()
        expect(visit.see("notice")).to_have_text("there is no net of this name")
        expect(visit.see("live")).to_be_hidden()
        chooser.select_option("default")
        visit.is_open()
        expect(visit.page).to_have_url(f"{server.url}/")
        visit.page = visit.tab("/?net=..")
        enter(visit, ADMIN)
        expect(visit.see("notice")).to_have_text("No net can have the name in the address.")
        visit.complaints = [each for each in visit.complaints if "404" not in each and "WebSocket" not in each]


@pytest.mark.long
def test_a_key_for_some_nets_sees_those_alone_and_searches_among_many(
    browser: Browser, server: ThreadServer, shop_key: str
) -> None:
    make(server, *(f"shop-{number}" for number in range(100, 202)))
    with Visit(browser, server) as visit:
        enter(visit, shop_key)
        visit.page.wait_for_url("**/?net=shop-100")  # not that named default, which it is not for
        visit.is_open()
        chooser = visit.page.get_by_role("combobox", name="Net")
        expect(chooser.locator("option")).to_have_count(100)
        visit.see("net-search").fill("shop-20")
        expect(chooser.locator("option")).to_have_text(["shop-100", "shop-200", "shop-201"])
        visit.check_access()
        visit.page.set_viewport_size({"width": 360, "height": 740})
        expect(visit.see("net-search")).to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
        visit.see("net-search").fill("shop-201")
        visit.page.keyboard.press("Enter")
        visit.page.wait_for_url("**/?net=shop-201")
        visit.is_open()
        visit.page.goto(f"{server.url}/?net=default")
        visit.page.wait_for_url("**/?net=shop-100")
        visit.complaints = [each for each in visit.complaints if "403 (Forbidden)" not in each]
