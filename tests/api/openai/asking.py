"""What several tests of the OpenAI face ask."""

from typing import Any

from tests.running_server import RunningServer

TEXT = "user: who are you?\nassistant: a net that lives, été.\n" * 20
WHO: list[Any] = [{"role": "user", "content": "who are you?"}]
ANSWER = "a net that lives, été."
LIKELIEST: dict[str, Any] = {"model": "default", "temperature": 0}


def api_of(server: RunningServer, key: str = "none-is-needed") -> dict[str, Any]:
    """Return how a client is made that tries only once."""
    return {"base_url": f"{server.url}/v1", "api_key": key, "max_retries": 0}
