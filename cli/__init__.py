"""The `a64` command."""
