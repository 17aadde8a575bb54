"""What commands that run a program to its end have in common: its arguments, its limits, its end."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from aarch64.machine import RETURN_ADDRESS, MachineError
from aarch64.stop import StopReason
from cli import console, report
from cli.console import InputError, blaming
from cli.host_console import HostConsole
from cli.numbers import parse_count, parse_integer, parse_place
from cli.watching import watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from aarch64.devices.console import Console
    from aarch64.machine import Machine
    from aarch64.stop import Stop
    from cli.machine_options import MachineOptions

CANNOT_GO_ON = 125
"""The exit status of a run that cannot go on."""

_STATUSES = {
    StopReason.RETURNED: 0,
    StopReason.MAX_CYCLES: 124,
    StopReason.UNSUPPORTED: CANNOT_GO_ON,
    StopReason.STUCK: CANNOT_GO_ON,
    StopReason.INTERRUPTED: console.INTERRUPTED,
}


@attrs.frozen
class RunOptions:
    """How the command line asks for a program to be run."""

    arguments: tuple[str, ...]
    call: int | str | None
    max_cycles: int | None
    semihosting_root: Path | None

    @property
    def until(self) -> int | None:
        """Where the run ends by itself: after --call."""
        return None if self.call is None else RETURN_ADDRESS

    @contextmanager
    def started(
        self, machine_options: MachineOptions, connection: Callable[[HostConsole], Console] = lambda host: host.console
    ) -> Iterator[tuple[Machine, HostConsole]]:
        """The machine with the program, about to do as asked; `connection` is its console on the host's streams."""
        host = HostConsole()
        with machine_options.machine(
            console=connection(host),
            semihosting_root=self.semihosting_root,
            arguments=self.arguments if self.call is None else (),
        ) as machine:
            host.on_end = machine.interrupt
            if self.call is not None:
                machine.prepare_call(self.call, *(_argument(machine, text) for text in self.arguments))
            yield machine, host

    def run(self, machine: Machine, host: HostConsole) -> Stop:
        """Run to the end, watched."""
        return watch(machine, host, self.max_cycles, self.until)


_PARAMETERS = (
    click.argument("arguments", nargs=-1, metavar="[ARG]..."),
    click.option("--call", type=parse_place, metavar="SYMBOL", help="Call a function with the ARGs, and stop."),
    click.option("--max-cycles", type=parse_count, metavar="CYCLES", help="Stop after this many cycles."),
    click.option(
        "--semihosting-root",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        help="Let semihosting use the files in this directory. Without it, there are none.",
    ),
)
"""In the order of the help."""


def with_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the ARGs and the options above, and itself one `run_options` for them all."""
    names = [field.name for field in attrs.fields(RunOptions)]

    @wraps(command)
    def gather(*args: object, **values: object) -> None:
        options = RunOptions(**{name: values.pop(name) for name in names})  # type: ignore[arg-type]  # by click
        command(*args, run_options=options, **values)

    decorated: Callable[..., None] = gather
    for parameter in reversed(_PARAMETERS):
        decorated = parameter(decorated)
    return decorated


def _argument(machine: Machine, text: str) -> int:
    """An argument of --call: a number, or the address of a symbol."""
    number = parse_integer(text)
    if number is not None:
        return number
    try:
        return machine.resolve(text)
    except MachineError as error:
        raise InputError(f"{text!r} is neither a 64-bit number nor a symbol of the program") from error


# --- files


def check_files(
    machine_options: MachineOptions | None, outputs: Mapping[str, str | None], inputs: Mapping[str, str] | None = None
) -> None:
    """Refuse to write into one file twice, or over one that is read.

    Args:
        machine_options: with the program, and what is put beside it; None where there is none.
        outputs: by the name of its option, each file that is to be written.
        inputs: other files that are read, and what they are called.
    """
    taken = _read_by(machine_options) if machine_options is not None else {}
    taken |= {Path(file).resolve(): name for file, name in (inputs or {}).items()}
    for name, file in outputs.items():
        if file == "":
            raise InputError(f"{name}: give a file, or - for standard output")
        if file is None or file == "-":
            continue
        path = Path(file).resolve()
        if path in taken and (path.is_file() or not path.exists()):
            raise InputError(f"{file}: {name} would overwrite {taken[path]}: give another file")
        taken[path] = name


def _read_by(machine_options: MachineOptions) -> dict[Path, str]:
    """The files of a machine, and what they are called."""
    taken = {Path(machine_options.program).resolve(): "the program"}
    for placement in machine_options.placements:
        taken.setdefault(Path(placement.file).resolve(), "the file of --load")
    return taken


@contextmanager
def output(path: str | None, host: HostConsole) -> Iterator[Callable[[str], object] | None]:
    """What to write lines with: into a file, or for `-` to stdout; None where nothing is asked for."""
    if path is None:
        yield None
        return
    if path == "-":
        yield host.write_lines
        return
    with blaming(path):
        file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115  (closing it may fail, too)

    def write(text: str) -> None:
        with blaming(path):
            file.write(text)

    try:
        yield write
    finally:
        with blaming(path):
            file.close()


# --- the end


def exit_status(stop: Stop) -> int:
    """The command's exit status after a run that ended so."""
    if stop.reason is StopReason.EXIT:
        return stop.status & 0xFF
    return _STATUSES[stop.reason]


def complaint(machine: Machine, stop: Stop) -> str:
    """What to say on stderr of a run that was not to end so; nothing of any other."""
    cpu = machine.cpu
    where = f"cycle {cpu.cycles}, pc {machine.locate(cpu.pc)}"
    match stop.reason:
        case StopReason.MAX_CYCLES:
            return f"a64: --max-cycles is used up: {where}"
        case StopReason.UNSUPPORTED | StopReason.STUCK:
            message = report.fitted(f"a64: {stop.message} [{where}]", sys.stderr)
            details = [line for item in stop.details for line in report.fitted(item, sys.stderr, "  ")]
            return "\n".join((*message, *details))
        case StopReason.INTERRUPTED:
            return f"a64: interrupted\n{report.as_text(machine, console.width(sys.stderr))}"
    return ""
