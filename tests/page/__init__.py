"""Tests of the page at `/`, in a real browser."""
