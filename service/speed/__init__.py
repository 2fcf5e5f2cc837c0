"""How fast this machine is: for `realnet bench`, for `--device auto`, and for the benchmarks."""
