"""`python -m cli` is `a64`."""

from __future__ import annotations

from cli.main import main

if __name__ == "__main__":  # workers import this module, too
    main(prog_name="a64")
