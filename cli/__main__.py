"""`python -m cli` is `a64`."""

from __future__ import annotations

from cli.main import main

main(prog_name="a64")
