"""Tests of what others send of metrics and logs."""
