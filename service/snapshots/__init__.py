"""The whole state of a net, saved and restored."""
