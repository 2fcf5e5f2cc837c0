"""Many nets on a few threads, of a real server."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.api.asking import until
from tests.nets.asking import create, problem, teach
from tests.redis_server import RedisServer
from tests.running_server import ThreadServer

MakeServer = Callable[..., ThreadServer]
NETS = [f"n{number}" for number in range(12)]


def threads(name: str) -> int:
    return sum(thread.name.startswith(f"{name} ") for thread in threading.enumerate())


def taught(server: ThreadServer, text: str) -> set[tuple[int, str]]:
    """Return what became of teaching all nets at once."""
    with ThreadPoolExecutor(len(NETS)) as pool:
        answers = pool.map(lambda name: teach(server, name, text), NETS)
        return {(each.status_code, "" if each.is_success else problem(each)[1]) for each in answers}


def test_all_come_back_by_themselves_when_the_store_does(new_server: MakeServer, redis_server: RedisServer) -> None:
    server = new_server(store=redis_server.url).start()
    create(server, *NETS)
    assert taught(server, "before") == {(200, "")}
    assert 1 <= threads("engines") <= 16
    assert 1 <= threads("journals") <= 4
    redis_server.kill()
    assert taught(server, "lost, since nothing keeps it") == {(503, "not-durable")}
    redis_server.start()
    for name in NETS:
        until(lambda: teach(server, name, "after").is_success)  # noqa: B023
        seen = server.client.get(f"/v1/nets/{name}/net").json()["tokens_seen"]
        assert seen == len("before") + len("after")


def test_their_threads_end_when_all_are_cold(new_server: MakeServer) -> None:
    server = new_server(nets_hot=1).start()
    create(server, "a", "b")
    for name in ("a", "b", "a"):
        assert teach(server, name, "x").status_code == 200
    assert threads("engines")
    for name in ("a", "b"):
        assert server.client.delete(f"/v1/nets/{name}").is_success
    until(lambda: not threads("engines") and not threads("journals"))
