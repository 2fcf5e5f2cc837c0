"""State = snapshot + journal: pure functions of a learner and journal records. No thread, clock, loop or I/O."""
