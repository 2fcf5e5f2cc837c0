"""Three nets under load on a server that is killed: what was acknowledged is learnt, and once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from realnet.learners import create as newborn
from tests.faults.story import ROUNDS
from tests.nets.asking import create
from tests.running_server import ProcessServer

NETS = ("a", "b", "c")
MESSAGES = 60


def text(name: str, number: int) -> str:
    return f"{name} is told {number * number} times "


class Teller:
    """Sends the messages of one net in order, each until it is acknowledged."""

    def __init__(self, url: str, name: str) -> None:
        self.acknowledged = 0
        self._path = f"{url}/v1/nets/{name}/inputs"
        self._name = name

    def run(self) -> None:
        with httpx.Client(timeout=10.0) as client:
            for number in range(MESSAGES):
                body, once = {"text": text(self._name, number)}, {"Idempotency-Key": str(number)}
                while not self._is_taken(client, body, once):
                    time.sleep(0.01)
                self.acknowledged += 1

    def _is_taken(self, client: httpx.Client, body: dict[str, str], headers: dict[str, str]) -> bool:
        try:
            answer = client.post(self._path, json=body, headers=headers)
        except httpx.TransportError:
            return False
        assert answer.status_code in (200, 202, 409, 429, 503), answer.text
        return answer.is_success


def test_each_input_is_learnt_once(new_process: Callable[..., ProcessServer], store_url: str) -> None:
    server = new_process(store=store_url, nets_hot=2).start()
    create(server, *NETS, variant="fast")
    tellers = [Teller(server.url, name) for name in NETS]
    with ThreadPoolExecutor(3) as pool:
        told = [pool.submit(teller.run) for teller in tellers]
        for kill in range(ROUNDS // 2):
            most = (kill + 1) * MESSAGES // (ROUNDS // 2 + 1)
            while min(teller.acknowledged for teller in tellers) < most and not any(each.done() for each in told):
                time.sleep(0.001)
            server.kill()
            server.start()
        for each in told:
            each.result()
    for name in NETS:
        alone = newborn("dendrites", variant="fast")
        whole = "".join(text(name, number) for number in range(MESSAGES))
        alone.run_input(alone.interface.parse(text=whole), 1.0)
        net = server.client.get(f"/v1/nets/{name}/net", params={"hash": "true"}).raise_for_status().json()
        assert net["tokens_seen"] == len(whole)
        assert net["weights_sha256"] == alone.checkpoint().weights_sha256()
