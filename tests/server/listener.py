"""A bare listener, for an application that stands in for the net's."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from uvicorn.server import ServerState


@asynccontextmanager
async def listener(config: uvicorn.Config, state: ServerState) -> AsyncIterator[int]:
    """Serve the application of `config` on a free port, and yield the port."""
    config.load()
    server = await asyncio.get_running_loop().create_server(
        lambda: config.http_protocol_class(config=config, server_state=state, app_state={}),  # type: ignore[call-arg]
        "127.0.0.1",
        0,
    )
    async with server:
        yield server.sockets[0].getsockname()[1]
