"""The process: sockets, uvicorn, limits."""
