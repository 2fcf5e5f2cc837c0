"""Hooks: the events of streams are sent to other servers, each at least once, in order, however long they are down."""
