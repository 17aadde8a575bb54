"""`a64 probe`: kprobes on a program."""

from __future__ import annotations

import click

from aarch64.loader import DEFAULT_BASE
from cli import console
from cli.numbers import parse_address
from cli.verdicts import show_program, show_words
from kprobes.profiles import PROFILES, V15


@click.command(
    short_help="Tell which instructions can be probed, and why.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 probe --verdict program.elf --profile v4.8    as Linux v4.8 decides",
        "a64 probe --verdict program.elf --profile strict  by our own rules",
        "echo d503201f | a64 probe --verdict --words - --profile v7.2",
    ),
)
@click.argument("program", required=False, type=click.Path())
@click.option("--verdict", is_flag=True, help="Print the verdict on every instruction, with the reason; run nothing.")
@click.option(
    "--words",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="With --verdict: read words in hexadecimal, one a line (- for standard input), and print reject, slot or "
    "simulate for each.",
)
@click.option(
    "--profile",
    type=click.Choice(tuple(PROFILES)),
    default=V15.name,
    show_default=True,
    help="Whose kprobes: a kernel's, or our own strict ones.",
)
@click.option(
    "--base",
    type=parse_address,
    metavar="ADDRESS",
    default=hex(DEFAULT_BASE),
    show_default=True,
    help="Where a source or raw image is placed.",
)
@click.option("--json", metavar="FILE", help="Write the verdicts as JSON instead; - is standard output.")
def probe(
    program: str | None,
    verdict: bool,
    words: str | None,
    profile: str,
    base: int,
    json: str | None,
) -> None:
    """Tell of each instruction of PROGRAM what would become of a kprobe on it.

    A verdict is reject (it cannot be probed), slot (a copy is executed out of line) or simulate (the handler does what
    it does). PROGRAM is an ELF program, assembly source (.s) or a raw image; all code of it is looked at, none is run.
    Words are judged by themselves; in a program, what is between a load-exclusive and its store-exclusive is refused.
    """
    if not verdict:
        raise click.UsageError("say what to do: --verdict")
    if (program is None) == (words is None):
        raise click.UsageError("give a PROGRAM, or --words FILE")
    if words is not None:
        show_words(words, PROFILES[profile], json)
        return
    assert program is not None
    show_program(program, base, PROFILES[profile], json)
