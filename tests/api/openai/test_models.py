"""The nets of a server as models: those that a key is for, chosen by their names."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI

from service.auth.keys import Scope, create_key
from service.auth.share import Share
from tests.api.openai.asking import TEXT, WHO, api_of
from tests.auth.guarded import bearer
from tests.running_server import ThreadServer

ADMIN = "an-admins-key-of-the-environment"
SMALL = {"variant": "fast", "max_lines": 2**14}


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("keys") / "keys"


@pytest.fixture(scope="module")
def shop_key(keys: Path) -> str:
    return create_key(keys, "shop", Scope.TEACH, Share(("shop-*",)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, keys: Path, shop_key: str) -> Iterator[ThreadServer]:
    """One with a net that has read a conversation, another that has not, and one of frames."""
    server = ThreadServer(tmp_path_factory.mktemp("server"), api_key=ADMIN, keys_file=keys, **SMALL)
    server.client.headers = bearer(ADMIN)
    server.start()
    for net in ({"name": "shop-1", **SMALL}, {"name": "shop-2", **SMALL}, {"name": "arm", "inputs": 2, "outputs": 1}):
        net |= {"kind": "frames"} if "inputs" in net else {}
        assert server.client.post("/v1/nets", json=net).status_code == 201
    server.client.post("/v1/nets/shop-1/inputs?wait=true&outputs=none", json={"text": TEXT}).raise_for_status()
    yield server
    server.close()


def test_models_are_the_nets_that_the_key_is_for(server: ThreadServer, shop_key: str) -> None:
    with OpenAI(**api_of(server, ADMIN)) as admin, OpenAI(**api_of(server, shop_key)) as shop:
        assert [each.id for each in admin.models.list()] == ["arm", "default", "shop-1", "shop-2"]
        assert [each.id for each in shop.models.list()] == ["shop-1", "shop-2"]
        assert admin.models.retrieve("default").id == "default"
        assert shop.models.retrieve("shop-2").id == "shop-2"


def test_the_model_chooses_the_net(server: ThreadServer, shop_key: str) -> None:
    asked: dict[str, Any] = {"prompt": "user: who are", "temperature": 0, "max_tokens": 10}
    with OpenAI(**api_of(server, shop_key)) as shop:
        assert shop.completions.create(model="shop-1", **asked).choices[0].text.startswith(" you?")
        assert shop.completions.create(model="shop-2", **asked).choices[0].text != " you?\nassis"
        chunks = shop.completions.create(model="shop-1", **asked, stream=True)
        assert "".join(chunk.choices[0].text for chunk in chunks).startswith(" you?")
        lesson = {"extra_body": {"learn": True}, "max_tokens": 1}
        shop.chat.completions.create(model="shop-2", messages=WHO, **lesson)
    seen = {net: server.client.get(f"/v1/nets/{net}/net").json()["tokens_seen"] for net in ("shop-1", "shop-2")}
    assert seen == {"shop-1": len(TEXT.encode()), "shop-2": len(b"user: who are you?\n")}
    assert server.net()["tokens_seen"] == 0


def test_in_the_path_of_a_net_there_is_that_alone(server: ThreadServer) -> None:
    with OpenAI(**api_of(server, ADMIN) | {"base_url": f"{server.url}/v1/nets/shop-1"}) as api:
        assert [each.id for each in api.models.list()] == ["shop-1"]
        told = api.completions.create(model="shop-1", prompt="user: who are", temperature=0, max_tokens=5)
        assert told.choices[0].text == " you?"
        for name in ("default", "shop-2", "none"):
            with pytest.raises(openai.NotFoundError):
                api.completions.create(model=name, prompt="a", max_tokens=1)


def test_a_net_that_is_not_there_is_refused_as_one_that_the_key_is_not_for(server: ThreadServer, shop_key: str) -> None:
    told = set()
    with OpenAI(**api_of(server, shop_key)) as shop:
        for model in ("shop-3", "default", "arm", "none", "no name", "..", ""):
            with pytest.raises(openai.NotFoundError) as refused:
                shop.completions.create(model=model, prompt="a", max_tokens=1)
            assert refused.value.code == "model_not_found"
            told.add(refused.value.message)
        with pytest.raises(openai.NotFoundError, match="no such model"):
            shop.models.retrieve("arm")
    assert len(told) == 1


def test_a_net_of_frames_has_no_tokens(server: ThreadServer) -> None:
    with OpenAI(**api_of(server, ADMIN)) as admin, pytest.raises(openai.BadRequestError, match="raw frames"):
        admin.completions.create(model="arm", prompt="a", max_tokens=1)
