"""Decoders that are there without being plugged in, and the one that is a program of the user's."""
