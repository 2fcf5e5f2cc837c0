"""Write what a server sends to a file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realnet.client.http import Http


async def download(http: Http, address: str, path: Path, query: Mapping[str, Any] = {}) -> Path:
    """Write an answer to `path`, whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        with part.open("wb") as file:
            async with http.answer("GET", address, query=query) as answer:
                async for block in answer.aiter_raw():
                    file.write(block)
        return part.replace(path)
    finally:
        part.unlink(missing_ok=True)
