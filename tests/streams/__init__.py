"""Streams that are watched by a server."""
