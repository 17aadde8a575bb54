"""`a64 fuzz`: a group whose commands are imported when they are used."""

from __future__ import annotations

import click

from cli import console
from cli.lazy import LazyGroup

COMMANDS = {
    "decode": "cli.fuzz.decode:decode",
    "execute": "cli.fuzz.execute:execute",
    "probe": "cli.fuzz.probe:probe",
    "sweep": "cli.fuzz.sweep:sweep",
    "replay": "cli.fuzz.replay:replay",
}
"""Where each command is, in the order of the help."""


@click.group(
    cls=LazyGroup,
    places=COMMANDS,
    short_help="Look for what decoders and emulators disagree about.",
    epilog=console.examples(
        "a64 fuzz decode                               the laws of our own decoder",
        "a64 fuzz decode --oracle llvm --seconds 60    our decoder beside llvm-mc",
        "a64 fuzz decode --oracle-cmd ./my-decoder     your decoder beside ours",
        "a64 fuzz execute --workers 2                  our semantics beside Unicorn",
        "a64 fuzz probe --profile v7.2                 a kernel's kprobes beside no kprobes",
        "a64 fuzz sweep --oracle llvm                  every word there is",
        "a64 fuzz replay fuzz-findings/*.json          does it still differ?",
    ),
)
def fuzz() -> None:
    """Fuzz decoders, emulators and kprobes: cases drawn at random, biased towards the edges, each answered by two.

    Where the answers differ, the case is made as small as it gets and kept in a file for a64 fuzz replay. The same seed
    gives the same cases, however many workers there are.
    """
