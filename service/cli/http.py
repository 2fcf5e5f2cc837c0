"""Send one request to a server, and name the flags in what it refuses."""

from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from service.client import Server

_ARGUMENTS = {"prompt": "PROMPT", "file": "FILE"}


def request(server: "Server", method: str, path: str, seconds: float = 10.0, body: dict[str, Any] | None = None) -> Any:
    """Send a request, with `body` as JSON; return the JSON of its answer, None if it is empty. Raises ClientError."""
    import httpx

    from service.client import ClientError, no_answer, refusal

    url = server.url
    try:
        response = httpx.request(method, url + path, headers=server.headers, timeout=seconds, json=body)
    except httpx.ReadTimeout:
        raise ClientError(f"{url} did not answer within {seconds:g} s") from None
    except (httpx.TransportError, httpx.InvalidURL):
        raise ClientError(no_answer(url)) from None
    if response.is_error:
        raise ClientError(refusal(response.status_code, response.content, place_of))
    try:
        return response.json() if response.content else None
    except ValueError:
        raise ClientError(f"what answers at {url} is no RealNet server") from None


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
