"""One net with its parts, started and stopped in order."""
