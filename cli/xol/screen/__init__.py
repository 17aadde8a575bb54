"""The interactive `a64 xol`: a lesson or a program, moment by moment, forwards and backwards, at a terminal."""
