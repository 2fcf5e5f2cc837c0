"""`WS /v1/stream`: messages, sessions, and the hub that opens them and tells them all."""
