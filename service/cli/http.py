"""Send one request to a server, and name the flags in what it refuses."""

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from realnet.client import Server

_ARGUMENTS = {"prompt": "PROMPT", "file": "FILE", "text": "/text"}


def request(server: "Server", method: str, path: str, seconds: float = 10.0, body: dict[str, Any] | None = None) -> Any:
    """Send a request, with `body` as JSON; return the JSON of its answer, None if it is empty. Raises RealNetError."""
    import httpx

    from realnet.client import RealNetError, error_of_answer, no_answer

    url, is_far = server.url, not server.is_on_this_machine
    try:
        response = httpx.request(
            method, url + path, headers=server.headers, timeout=seconds, json=body, trust_env=is_far
        )
    except httpx.ReadTimeout:
        raise RealNetError(f"{url} did not answer within {seconds:g} s") from None
    except (httpx.TransportError, httpx.InvalidURL):
        raise RealNetError(no_answer(url)) from None
    if response.is_error:
        raise error_of_answer(response.status_code, response.content)
    try:
        return response.json() if response.content else None
    except ValueError:
        raise RealNetError(f"what answers at {url} is no RealNet server") from None


def place_of(pointer: str) -> str:
    """Return the flag or argument for a JSON pointer into the body of a request: `--max-tokens` for `/max_tokens`."""
    name = pointer.removeprefix("/")
    if not name or "/" in name:
        return pointer
    return _ARGUMENTS.get(name, f"--{name.replace('_', '-')}")


def check_id(id: str, listed_by: str) -> None:
    """Raise BadParameter for an id that cannot be one: it becomes a part of a path. `listed_by` is the command."""
    if not id.isalnum():
        raise typer.BadParameter(f"an id is as `{listed_by}` has it", param_hint="ID")
