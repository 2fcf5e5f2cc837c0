"""Streams that are watched: each has a detector, which says of each row how new it is and learns it."""
