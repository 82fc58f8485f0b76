"""Which configuration to measure next, which to drop, which to take. Pure: it starts nothing."""
