"""The page where keys are needed: it asks for one, keeps it in its tab, and shows what that allows."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from service.auth.keys import Scope, create_key, revoke_key
from tests.auth.guarded import Guarded, bearer, until
from tests.page.browser import Visit
from tests.running_server import ThreadServer


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    guarded = Guarded(tmp_path_factory.mktemp("guarded"))
    guarded.server.start()
    rows = {"stream": "cpu", "values": [*(number % 3 for number in range(200)), 40]}
    guarded.server.client.post("/v1/observe", json=rows).raise_for_status()
    yield guarded
    guarded.stranger.close()
    guarded.server.close()


def enter(visit: Visit, key: str) -> None:
    visit.see("key").fill(key)
    visit.press("Open")


def test_a_wrong_key_is_refused_and_a_right_one_stays_in_the_tab(browser: Browser, guarded: Guarded) -> None:
    with Visit(browser, guarded.server) as visit:
        expect(visit.see("keyhole")).to_be_visible()
        visit.check_access()
        enter(visit, "rn_" + "A" * 43)
        expect(visit.see("key-problem")).to_have_text("The server knows no such key.")
        enter(visit, guarded.keys[Scope.ADMIN])
        visit.is_open()
        expect(visit.see("caller")).to_have_text("environment: may do everything")
        guarded.server.run(text="told to those who may know")
        expect(visit.see("text")).to_contain_text("may know")
        visit.press("Save")
        expect(visit.see("snapshots-answer")).to_have_text("Saved.")
        with visit.page.expect_download():
            visit.page.get_by_role("button", name="Download").click()
        visit.page.reload()
        visit.is_open()
        visit.page = visit.tab()  # another one of the same window
        expect(visit.see("keyhole")).to_be_visible()


@pytest.mark.long
@pytest.mark.parametrize("scope", [Scope.READ, Scope.TEACH])
def test_it_offers_what_the_key_allows(browser: Browser, guarded: Guarded, scope: Scope) -> None:
    with Visit(browser, guarded.server) as visit:
        enter(visit, guarded.keys[scope])
        visit.is_open()
        for name in ("Teach", "Normal: event 1 of cpu"):
            teaches = expect(visit.page.get_by_role("button", name=name))
            teaches.to_be_enabled() if scope is Scope.TEACH else teaches.to_be_disabled()
        for name in ("Pause", "Save", "Mute for an hour"):
            expect(visit.page.get_by_role("button", name=name)).to_be_disabled()
        expect(visit.page.get_by_role("button", name="Talk on")).to_be_enabled()
        visit.check_access()
        visit.press("Forget the key")
        expect(visit.see("key-problem")).to_have_text("The key is forgotten.")


def test_a_key_that_no_stream_can_take_is_told(browser: Browser, new_server: Callable[..., ThreadServer]) -> None:
    key = "a key/(of) signs".replace(" ", ":")
    server = new_server(api_key=key, variant="fast")
    server.client.headers = bearer(key)
    with Visit(browser, server.start()) as visit:
        enter(visit, key)
        expect(visit.see("key-problem")).to_contain_text("signs that a browser cannot send")


def test_a_revoked_key_closes_the_page(browser: Browser, guarded: Guarded) -> None:
    key = create_key(guarded.file, "passing", Scope.READ)
    until(lambda: guarded.status("GET", "/v1/net", bearer(key)) == 200)
    with Visit(browser, guarded.server) as visit:
        enter(visit, key)
        visit.is_open()
        revoke_key(guarded.file, "passing")
        expect(visit.see("key-problem")).to_have_text("The key is no longer valid.")
        visit.context.close()  # or what was under way when the key went would still be answered with 401
        visit.complaints = [each for each in visit.complaints if "401 (Unauthorized)" not in each]


@pytest.mark.long
def test_the_docs_need_no_other_host_and_take_the_key(browser: Browser, guarded: Guarded) -> None:
    with Visit(browser, guarded.server) as visit:
        visit.page = visit.tab("/docs")
        visit.page.get_by_role("button", name="Authorize").first.click()
        visit.page.locator("#auth-bearer-value").fill(guarded.keys[Scope.READ])
        visit.page.locator(".auth-btn-wrapper").get_by_role("button", name="Apply credentials").click()
        visit.page.locator(".btn-done").click()
        visit.page.locator("#operations-net-get_net_v1_net_get").click()
        visit.press("Try it out")
        visit.press("Execute")
        expect(visit.page.locator(".live-responses-table tbody .response-col_status")).to_contain_text("200")
