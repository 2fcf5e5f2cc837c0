"""Data sets: files read and checked, and kept in one form whatever they were."""
