"""`a64 walk`: how an address is translated, down to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from aarch64.devices.console import Console
from aarch64.stop import StopReason
from aarch64.translation.permissions import Right
from cli import console
from cli.console import Span, Style, heading
from cli.host_console import HostConsole
from cli.machine_options import with_machine_options
from cli.numbers import parse_count, parse_level, parse_place
from cli.watching import watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.machine import Machine
    from aarch64.stop import Stop
    from aarch64.translation.explanation import Explanation
    from cli.machine_options import MachineOptions


@click.command(
    short_help="Explain how an address is translated.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 walk kernel.elf 0x80000000 --at-cycle 5000",
        "a64 walk kernel.elf buffer --until user_main --for write --from-el 0",
    ),
)
@with_machine_options
@click.argument("address", type=parse_place)
@click.option("--at-cycle", type=parse_count, metavar="CYCLES", help="Ask when the program has run for so long.")
@click.option("--until", type=parse_place, metavar="PLACE", help="Ask when the program gets to an address or symbol.")
@click.option(
    "--for",
    "right",
    type=click.Choice([right.value for right in Right]),
    default=Right.READ.value,
    show_default=True,
    help="What the access would do.",
)
@click.option(
    "--from-el", type=parse_level, metavar="LEVEL", help="The level it would be made from.  [default: the current one]"
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def walk(
    ctx: click.Context,
    /,
    machine_options: MachineOptions,
    address: int | str,
    at_cycle: int | None,
    until: int | str | None,
    right: str,
    from_el: int | None,
    as_json: bool,
) -> None:
    """Run PROGRAM, as a64 run does, and explain how the machine then translates ADDRESS.

    ADDRESS is a virtual address or a symbol. The program runs until --at-cycle, --until, or by default to its end;
    what it prints is not shown. Shown are the registers that control the translation, each descriptor (its level, its
    physical address, its value and what it says), and the physical address; or the fault, with the bits that cause it.
    Where the TLB has the answer and the tables say something else by now, both are told. Nothing is changed by asking.

    \b
    Exit status:
      0    the question is answered, whatever the answer
      2    wrong usage, or a file that cannot be used
      130  Ctrl-C ended the run before the question could be asked
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    host = HostConsole()
    silent = Console(lambda _data: None, host.console.source)
    with machine_options.machine(console=silent) as machine:
        host.on_end = machine.interrupt
        stop = watch(machine, host, at_cycle, until)
        if stop.reason is StopReason.INTERRUPTED:
            host.tell("a64: interrupted")
            ctx.exit(console.INTERRUPTED)
        if remark := _remark(machine, stop, asked_for_place=until is not None, asked_for_cycle=at_cycle is not None):
            host.tell(remark)
        explanation = machine.translate(address, Right(right), el=from_el)
    if as_json:
        console.write_json(explanation.as_json())
    else:
        console.write(_page(explanation))


def _remark(machine: Machine, stop: Stop, *, asked_for_place: bool, asked_for_cycle: bool) -> str:
    """What to say of a program that did not get to where the question was to be asked."""
    where = f"cycle {machine.cpu.cycles}, pc {machine.locate(machine.cpu.pc)}"
    if asked_for_place and stop.reason is not StopReason.UNTIL:
        return f"a64: --until was not reached; the answer is for {where}"
    if asked_for_cycle and stop.reason not in (StopReason.MAX_CYCLES, StopReason.UNTIL):
        return f"a64: the program ended before --at-cycle; the answer is for {where}"
    return ""


def _page(explanation: Explanation) -> Iterator[console.Line]:
    title, *rest = explanation.lines()
    yield [heading(title)]
    yield from rest[:-1]
    is_fault = explanation.physical is None
    yield [Span(rest[-1], Style.BAD if is_fault else Style.GOOD)]
