"""The edge: REST, server-sent events and the WebSocket."""
