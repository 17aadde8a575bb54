"""Fuzzing decoders and emulators: cases drawn at random, held against somebody else's answer, made small, and kept.

A *setup* says what is fuzzed and against whom, and opens a *target*: it draws cases, checks them and simplifies them.
A *campaign* has workers check shares of cases, and gathers what diverged. `oracles` says how to plug in a decoder or an
emulator of one's own; `decode` and `execute` are the targets there are.
"""
