"""What takes longer than an answer: dreams, sleep and fits, one after the other."""
