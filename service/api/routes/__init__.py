"""One module for each resource: parse, call the runtime, return a schema."""
