"""`a64 xol`: a hit of a probe, moment by moment: how its instruction is executed out of line."""
