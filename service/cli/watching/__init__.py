"""What `realnet watch` does: read lines and values, hand them to detectors in this process, and print what is news."""
