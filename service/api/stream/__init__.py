"""`WS /v1/stream`: messages, sessions, and the hub that tells them all."""
