"""Say what is new in a stream of lines or of values: learnt from the stream itself, from its first row on."""
