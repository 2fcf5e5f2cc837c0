"""Hooks by the client and by the command."""

from collections.abc import Iterator

import pytest
from standardwebhooks.webhooks import Webhook

from realnet.client import Client, Invalid, PeerFailed
from tests.cli.commands import complaint, shown
from tests.hooks.receiver import Receiver
from tests.running_server import ThreadServer


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver().up() as receiver:
        yield receiver


def test_the_client_makes_hooks_and_tries_them(server: ThreadServer, receiver: Receiver) -> None:
    with Client(server.url) as client:
        made = client.hooks.add(receiver.url, streams=["cpu", "web-*"])
        assert (made.kind, made.streams, made.state) == ("webhook", ["cpu", "web-*"], "ok")
        client.hooks.test(made.id)
        assert made.secret is not None
        Webhook(made.secret).verify(receiver.got[0].body, dict(receiver.got[0].headers))
        (listed,) = client.hooks.list()
        assert (listed.id, listed.secret) == (made.id, None)
        receiver.answer = (404, {}, b"")
        with pytest.raises(PeerFailed, match="it answers 404: Not Found"):
            client.hooks.test(made.id)
        with pytest.raises(Invalid, match="whsec_"):
            client.hooks.add(receiver.url, secret="short")
        client.hooks.delete(made.id)
        assert client.hooks.list() == []


def test_the_command_makes_hooks_and_tries_them(server: ThreadServer, receiver: Receiver) -> None:
    told = shown("hooks", "add", receiver.url, "--stream", "cpu", "--stream", "web-*", url=server.url)
    id, secret = told.split(":")[0], told.split()[-1]
    assert shown("hooks", "test", id, url=server.url) == f"{id}: it was taken\n"
    Webhook(secret).verify(receiver.got[0].body, dict(receiver.got[0].headers))
    row = shown("hooks", "list", url=server.url).splitlines()[1].split()
    assert row == [id, "webhook", receiver.url, "cpu", "web-*", "ok", "0", "0", "0"]
    receiver.answer = (404, {}, b"")
    assert "404" in complaint("hooks", "test", id, url=server.url)
    assert shown("hooks", "delete", id, url=server.url) == f"{id} is deleted\n"
    assert "--secret" in complaint("hooks", "add", receiver.url, "--secret", "short", url=server.url)
    assert "--kind" in complaint("hooks", "add", receiver.url, "--kind", "mail", url=server.url, status=2)
