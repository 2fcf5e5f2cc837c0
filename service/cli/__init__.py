"""The `realnet` command."""
