"""Tests of service/watch."""
