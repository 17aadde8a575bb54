"""`a64 walk`: how an address is translated, down to the bit."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import attrs
import click

from aarch64.devices.console import Console
from aarch64.stop import Stop, StopReason
from aarch64.translation.explanation import Line, Part
from aarch64.translation.permissions import Right
from cli import console, report
from cli.console import Span, Style
from cli.host_console import HostConsole
from cli.machine_options import with_machine_options
from cli.numbers import parse_count, parse_level, parse_place
from cli.watching import watch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aarch64.machine import Machine
    from aarch64.translation.explanation import Explanation
    from cli.machine_options import MachineOptions

_STYLES = {
    Part.QUESTION: Style.HEADING,
    Part.NOTE: Style.SYMBOL,
    Part.CONTROLS: Style.TEXT,
    Part.DESCRIPTOR: Style.TEXT,
    Part.ARRIVAL: Style.GOOD,
    Part.FAULT: Style.BAD,
}
_NUMBERS = re.compile(r"(?P<address>\[0x[0-9a-f]+\])|(?P<word>\b0x[0-9a-f]{16}\b)")
"""Of a descriptor: where it is, and its value."""


@attrs.frozen
class _Question:
    """What the command line asks."""

    address: int | str
    right: str
    from_el: int | None
    at_cycle: int | None
    until: int | str | None

    def answer(self, machine: Machine) -> Explanation:
        """The answer for the machine as it stands."""
        return machine.translate(self.address, Right(self.right), el=self.from_el)


@click.command(
    short_help="Explain how an address is translated.",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 walk kernel.elf 0x80000000",
        "a64 walk kernel.elf buffer --until user_main --for write --from-el 0",
        "a64 walk kernel.elf 0xffff000000080000 --at-cycle 5000 --json",
    ),
)
@with_machine_options
@click.argument("address", type=parse_place)
@click.option("--at-cycle", type=parse_count, metavar="CYCLES", help="Ask after this many cycles.")
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
    "--from-el",
    type=parse_level,
    metavar="LEVEL",
    help="The level it would be made from, 0 to 3.  [default: the one the program is at]",
)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")
@click.pass_context
def walk(
    ctx: click.Context,
    /,
    machine_options: MachineOptions,
    as_json: bool,
    **asked: Any,
) -> None:
    """Run PROGRAM as a64 run does, and explain how the machine then translates ADDRESS, a virtual address or a symbol.

    The program runs to its end, or to --at-cycle or --until: ask a program that never ends by one of these. What it
    prints is not shown. Shown are what the control registers say, each descriptor on the way (its level, its physical
    address, its value, what it says), and the physical address, or the fault with the bits that cause it. Where the TLB
    has the answer and the tables say something else by now, both are told. Nothing is changed by asking.

    A line that the terminal is too narrow for goes on in the next one, indented; into pipes and files it is one line.

    \b
    Exit status:
      0    the question is answered, whatever the answer; for the program's end
           if --at-cycle or --until never came, which standard error tells
      2    wrong usage, or a file that cannot be used
      130  Ctrl-C ended the run before the question could be asked
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    question = _Question(**asked)
    if question.at_cycle is not None and question.until is not None:
        raise click.UsageError("--at-cycle and --until are two moments: give one of them", ctx)
    host = HostConsole()
    silent = Console(lambda _data: None, host.console.source)
    with machine_options.machine(console=silent) as machine:
        host.on_end = machine.interrupt
        question.answer(machine)  # an unknown symbol, say, is refused before the run, which may be long
        stop = _run(machine, host, question)
        if stop.reason is StopReason.INTERRUPTED:
            _tell(host, f"interrupted {_moment(machine)}: ask for an earlier moment by --at-cycle or --until")
            ctx.exit(console.INTERRUPTED)
        if remark := _remark(stop, question):
            _tell(host, remark)
        explanation = question.answer(machine)
    if as_json:
        console.write_json(_as_json(explanation, machine, stop, question))
    else:
        console.write(_page(explanation, machine))


def _run(machine: Machine, host: HostConsole, question: _Question) -> Stop:
    """Run to the moment that is asked for, which may be the first one."""
    if question.until is not None and machine.resolve(question.until) == machine.cpu.pc:
        return Stop(StopReason.UNTIL, f"at {machine.cpu.pc:#x}")
    return watch(machine, host, question.at_cycle, question.until)


def _remark(stop: Stop, question: _Question) -> str:
    """What to say of a program that did not get to where the question was to be asked, or broke down."""
    asked = {"--until": question.until, "--at-cycle": question.at_cycle}
    missed = next((name for name, value in asked.items() if value is not None), None)
    if stop.reason in (StopReason.UNTIL, StopReason.MAX_CYCLES):
        return ""
    broke_down = stop.reason is not StopReason.EXIT
    if missed is None:
        return stop.message if broke_down else ""
    why = f" ({stop.message})" if broke_down else ""
    return f"the program ended before {missed}{why}: the answer is for its end"


def _tell(host: HostConsole, remark: str) -> None:
    host.tell("\n".join(report.fitted(f"a64: {remark}", sys.stderr)))


def _moment(machine: Machine) -> str:
    cpu = machine.cpu
    return f"at cycle {cpu.cycles}, pc {machine.locate(cpu.pc)}, EL{cpu.pstate.el}"


def _as_json(explanation: Explanation, machine: Machine, stop: Stop, question: _Question) -> dict[str, Any]:
    """The moment, by the names that a64 run has for it, the question and the answer."""
    cpu = machine.cpu
    return {
        "stop": stop.reason.name.lower(),
        "message": stop.message,
        "cycles": cpu.cycles,
        "el": cpu.pstate.el,
        "pc": f"{cpu.pc:#x}",
        "right": question.right,
        "from_el": cpu.pstate.el if question.from_el is None else question.from_el,
        **explanation.as_json(),
    }


def _page(explanation: Explanation, machine: Machine) -> Iterator[console.Line]:
    _, *answer = explanation.told()
    question = Line(Part.QUESTION, f"{explanation.access} at {machine.locate(explanation.address)}")
    for line in (question, Line(Part.CONTROLS, _moment(machine)), *answer):
        for text in report.fitted(line.text, sys.stdout):
            yield list(_spans(text)) if line.part is Part.DESCRIPTOR else [Span(text, _STYLES[line.part])]


def _spans(text: str) -> Iterator[str | Span]:
    """A descriptor's line, or a part of it, with its numbers made visible."""
    start = 0
    for number in _NUMBERS.finditer(text):
        yield text[start : number.start()]
        yield Span(number[0], Style.ADDRESS if number["address"] else Style.WORD)
        start = number.end()
    yield text[start:]
