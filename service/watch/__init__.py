"""What there is to be seen of a net while it lives: nothing is computed unless somebody looks."""
