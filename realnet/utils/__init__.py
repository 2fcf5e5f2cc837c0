"""What stands beside a model: data going in, and pruning."""
