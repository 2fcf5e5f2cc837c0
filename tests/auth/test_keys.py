"""Keys are created and revoked in their file, also while a server runs; unfit ones and unreadable files are refused."""

import asyncio
import json
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from websockets.exceptions import ConnectionClosed

from service.auth.keyring import Keyring
from service.auth.keys import Key, KeysError, Scope, create_key, digest_of, read_keys, revoke_key
from service.auth.share import Share
from service.errors import Forbidden, Limited
from service.settings import Settings
from tests.auth.guarded import ENDLESS, SEEN_SECONDS, Guarded, bearer, until
from tests.running_server import ThreadServer


def test_keys_come_and_go_while_it_runs(guarded: Guarded) -> None:
    kept = guarded.keys[Scope.READ]
    key = create_key(guarded.file, "guest", Scope.TEACH)
    until(lambda: guarded.stream_status(key) == 101)
    with guarded.stream(key) as connection, guarded.stream(kept) as other:
        connection.recv()
        other.recv()
        revoke_key(guarded.file, "guest")
        with pytest.raises(ConnectionClosed) as closed:
            connection.recv(timeout=SEEN_SECONDS)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008
        other.send('{"type": "ping"}')
        assert json.loads(other.recv())["type"] == "pong"
    assert guarded.stream_status(key) == 401
    lines = guarded.file.read_text()
    guarded.file.write_text("nonsense\n")  # what can't be read changes nothing
    until(lambda: "the keys are as they were before" in guarded.server.log)
    assert guarded.stream_status(kept) == 101
    guarded.file.write_text(lines)


@pytest.mark.parametrize("stream", [True, False])
def test_a_generation_ends_with_its_key(guarded: Guarded, stream: bool) -> None:
    name = f"talker-{stream}"
    key = create_key(guarded.file, name, Scope.READ)
    until(lambda: guarded.status("GET", "/v1/net", bearer(key)) == 200)
    body = {"max_tokens": ENDLESS, "stream": stream}
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(
            httpx.post, f"{guarded.server.url}/v1/generate", json=body, headers=bearer(key), timeout=3 * SEEN_SECONDS
        )
        until(lambda: 'realnet_generations{net="default"} 1.0' in guarded.server.client.get("/metrics").text)
        revoke_key(guarded.file, name)
        answer = asked.result()
    assert answer.status_code == (200 if stream else 401)
    if stream:
        *_, token, error, _ = answer.text.split("\n\n")
        assert token.startswith("event: token")
        assert error.startswith("event: error")
        answer_body = json.loads(error.partition("data: ")[2])
    else:
        answer_body = answer.json()
    assert (answer_body["status"], answer_body["detail"]) == (401, "the key has been revoked")
    until(lambda: 'realnet_generations{net="default"} 0.0' in guarded.server.client.get("/metrics").text)


def test_the_file_of_keys(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = create_key(file, "a", Scope.READ)
    file.write_text(f"# the first\n\n{file.read_text()}")
    other = create_key(file, "b", Scope.ADMIN)
    assert file.stat().st_mode & 0o077 == 0o044 & file.stat().st_mode  # as it was made
    assert read_keys(file) == [Key("a", Scope.READ, digest_of(key)), Key("b", Scope.ADMIN, digest_of(other))]
    assert key not in file.read_text()
    with pytest.raises(KeysError, match="has a key a"):
        create_key(file, "a", Scope.READ)
    for name in ("", "a b", "ä", "x" * 65, "a\nb", f"a read sha256:{'0' * 64}"):
        with pytest.raises(KeysError):
            create_key(file, name, Scope.READ)
    with pytest.raises(KeysError, match="no key c"):
        revoke_key(file, "c")
    revoke_key(file, "a")
    assert [each.name for each in read_keys(file)] == ["b"]
    assert file.read_text().startswith("# the first\n")
    for wrong in ("b admin", f"b root sha256:{'0' * 64}", f"b admin sha256:{'0' * 63}", f"b admin {'0' * 64}"):
        file.write_text(wrong)
        with pytest.raises(KeysError, match="line 1"):
            read_keys(file)


def test_a_key_may_be_for_some_nets_and_have_rates_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    share = Share(("customer-*", "logs"), rate_requests=0.5, rate_ticks=0, max_nets=3, max_bytes=2**40 + 1)
    key = create_key(file, "a", Scope.READ, share)
    plain = create_key(file, "b", Scope.READ)
    assert [each.share for each in read_keys(file)] == [share, Share()]
    lines = file.read_text().splitlines()
    assert lines[0].endswith(" nets=customer-*,logs rate_requests=0.5 rate_ticks=0 max_nets=3 max_bytes=1099511627777")
    assert lines[1].endswith(digest_of(plain).hex())  # as a version before reads it
    included = ("customer-", "customer-1.2", "logs")
    assert all(share.includes(name) for name in included)
    assert not any(share.includes(name) for name in ("default", "customer", "logs-2", "my-logs", "another-customer-1"))

    ring = Keyring(None, file, 0, 0)
    ring.load()
    caller, other = ring.caller(key), ring.caller(plain)
    assert caller is not None
    assert other is not None
    caller.count_request()
    with pytest.raises(Limited, match="requests"):
        caller.count_request()
    for name in included:
        caller.check_net(name)
    for name in ("default", "logs-2"):
        other.check_net(name)
        with pytest.raises(Forbidden, match=r"customer-\*, logs"):
            caller.check_net(name)
    other.count_request()
    other.count_request()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("nets=", "1 to 64 signs"),
        ("nets=A", "1 to 64 signs"),
        ("nets=a,,b", "1 to 64 signs"),
        ("nets=[a-z]", "1 to 64 signs"),
        (f"nets={'x' * 65}", "1 to 64 signs"),
        ("nets=a nets=b", "once each"),
        ("net=a", "net is not one of nets, rate_requests"),
        ("rate_ticks=many", "rate_ticks is a number"),
        ("rate_requests=-1", "0 or more"),
        ("rate_requests=nan", "0 or more"),
        ("max_nets=1.5", "max_nets is a number"),
        ("max_nets=-1", "0 or more"),
        ("max_bytes=2gib", "max_bytes is a number"),
        ("max_bytes=0", "1 or more"),
    ],
)
def test_what_a_key_is_for_is_refused_by_its_line(tmp_path: Path, words: str, told: str) -> None:
    file = tmp_path / "keys"
    create_key(file, "a", Scope.READ)
    file.write_text(f"{file.read_text().strip()} {words}\n")
    with pytest.raises(KeysError, match=f"line 1: .*{told}"):
        read_keys(file)


@pytest.mark.parametrize(("text", "nbytes"), [("1000", 1000), ("2MB", 2_000_000), ("2GiB", 2**31), ("1KiB", 1024)])
def test_bytes_are_written_as_people_do(text: str, nbytes: int) -> None:
    assert Share.of_words(f"max_bytes={text}") == Share(max_bytes=nbytes)


def test_many_at_once_lose_no_key(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    create_key(file, "old", Scope.READ)
    with ThreadPoolExecutor(9) as threads:
        changes: list[Future[str] | Future[None]] = [
            threads.submit(create_key, file, f"new-{number}", Scope.READ) for number in range(40)
        ]
        changes.append(threads.submit(revoke_key, file, "old"))
        for change in changes:
            change.result()
    assert sorted(key.name for key in read_keys(file)) == sorted(f"new-{number}" for number in range(40))
    assert [path.name for path in tmp_path.iterdir()] == ["keys"]


def test_a_keyring_without_keys_lets_nobody_in(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    key = create_key(file, "a", Scope.READ)
    ring = Keyring(None, file, 0, 0)
    assert ring.caller(key) is None  # not read yet
    ring.load()
    caller = ring.caller(key)
    assert caller is not None
    revoke_key(file, "a")
    ring.load()
    assert (ring.caller(key), ring.caller(None), caller.revoked.is_set()) == (None, None, True)


@pytest.mark.anyio
async def test_a_file_that_is_gone_has_no_keys_in_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file, own = tmp_path / "keys", "an-admins-key-of-the-environment"
    key = create_key(file, "a", Scope.READ)
    lines = file.read_text()
    ring = Keyring(SecretStr(own), file, 0, 0)
    ring.load()
    caller = ring.caller(key)
    assert caller is not None
    following = asyncio.create_task(ring.follow())
    file.unlink()
    await caller.revoked.wait()
    assert ring.caller(key) is None
    assert ring.caller(own) is not None
    [warning] = [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]
    assert f"{file} is gone" in warning
    file.write_text(lines)
    while ring.caller(key) is None:
        await asyncio.sleep(0.01)
    following.cancel()


def test_the_name_of_the_environments_key_is_its_own(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    with pytest.raises(KeysError, match="REALNET_API_KEY"):
        create_key(file, "environment", Scope.READ)
    file.write_text(f"environment read sha256:{'0' * 64}\n")
    with pytest.raises(KeysError, match="REALNET_API_KEY"):
        read_keys(file)
    revoke_key(file, "environment")
    assert read_keys(file) == []


@pytest.mark.parametrize("key", ["", "short", "with a blank in it, so", "ä" * 20, "x" * 257])
def test_an_unfit_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="openssl rand") as refused:
        Settings(api_key=key)
    assert not key or key not in str(refused.value)


def test_off_loopback_there_must_be_a_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="REALNET_API_KEY"):
        Settings(host="0.0.0.0")
    assert "0123456789abcdef" not in repr(Settings(host="0.0.0.0", api_key="0123456789abcdef"))
    Settings(host="0.0.0.0", insecure=True)


@pytest.mark.parametrize("lines", ["# none\n", "nonsense\n"])
def test_a_server_does_not_start_with_an_empty_or_unreadable_file(
    new_server: Callable[..., ThreadServer], tmp_path: Path, lines: str
) -> None:
    file = tmp_path / "keys"
    file.write_text(lines)
    server = new_server(host="0.0.0.0", keys_file=file)
    server.launch()
    assert "key" in (server.wait() or "")
    assert "Traceback" not in server.log
