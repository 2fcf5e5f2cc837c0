"""Many nets in one store: which there are, and which of them are in memory."""
