"""Tests of hooks: with servers that take events, refuse them, and are down."""
