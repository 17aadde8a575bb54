"""Emulators that execute single instructions: ours, and others to compare with."""
