"""Send the file of a snapshot to a server."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from realnet.client import Server, Snapshot

_SECONDS = 600.0  # a large net is read and checked whole before the answer


def upload_snapshot(server: "Server", file: Path, name: str | None) -> "Snapshot":
    """Return the snapshot that the file has become. Raises OSError and RealNetError."""
    import httpx
    import msgspec

    from realnet.client import Snapshot, Unreachable, error_of_answer, no_answer

    with file.open("rb") as opened:
        try:
            answer = httpx.post(
                f"{server.url}/v1/snapshots/upload",
                params={} if name is None else {"name": name},
                headers={**server.headers, "Content-Type": "application/octet-stream"},
                content=opened,
                timeout=_SECONDS,
                trust_env=not server.is_on_this_machine,
            )
        except httpx.TransportError as error:
            raise Unreachable(no_answer(server.url)) from error
    if answer.is_error:
        raise error_of_answer(answer.status_code, answer.content, f"{file}: ")
    return msgspec.json.decode(answer.content, type=Snapshot)
