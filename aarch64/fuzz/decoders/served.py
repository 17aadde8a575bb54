"""A decoder that is known by name, as a program: what it does to its process, it does to no other one.

    python -m aarch64.fuzz.decoders.served NAME

keeps to the protocol of `command`. What the decoder itself prints goes to standard error.
"""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from aarch64.fuzz.asking import answers_of
from aarch64.fuzz.decode import decoder_named
from aarch64.fuzz.oracles import OracleError

if TYPE_CHECKING:
    from aarch64.fuzz.oracles import Answer


def main() -> None:
    """Answer about the words of standard input."""
    words = [int(line, 16) for line in sys.stdin]
    try:
        with redirect_stdout(sys.stderr):
            answers = answers_of(decoder_named(sys.argv[1]), words)
    except OracleError as error:
        sys.exit(str(error))
    sys.stdout.writelines(f"{_line(answer)}\n" for answer in answers)


def _line(answer: Answer) -> str:
    if answer is None:
        return "undefined"
    return " ".join(answer.split()) or "allocated"


if __name__ == "__main__":
    main()
