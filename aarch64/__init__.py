"""A pure-Python, cycle-stepped AArch64 interpreter."""
