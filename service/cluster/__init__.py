"""The nets of one Redis on many machines: shards, the processes that serve them, and how they are found."""
