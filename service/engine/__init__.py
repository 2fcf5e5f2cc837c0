"""The thread that owns the net, and the queues into and out of it."""
