"""What commands that run a program have in common: the program, the machine, and what is in it at the start."""

from __future__ import annotations

import os
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from aarch64.loader import DEFAULT_BASE, load_data, load_program
from aarch64.machine import DEFAULT_RAM, Machine, MachineError
from cli.console import InputError, blaming
from cli.numbers import parse_address, parse_level, parse_place, parse_size
from cli.values import Assignment, Placement, parse_assignment, parse_features, parse_placement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from aarch64.devices.console import Console
    from aarch64.features import Feature


@attrs.frozen
class MachineOptions:
    """A program and the machine it is for, as the command line asks for them."""

    program: str
    entry: int | str | None
    base: int
    el: int
    max_el: int | None
    ram: int
    registers: tuple[Assignment, ...]
    placements: tuple[Placement, ...]
    features: frozenset[Feature]
    unaligned: bool
    exact: bool

    @contextmanager
    def machine(
        self,
        *,
        console: Console | None = None,
        semihosting_root: Path | None = None,
        arguments: tuple[str, ...] = (),
    ) -> Iterator[Machine]:
        """The machine, ready to run the program; `arguments` are the command line's after it. Closed at the end."""
        with blaming(str(semihosting_root)):
            machine = Machine(
                features=self.features,
                el=self.el,
                max_el=self.max_el,
                ram=self.ram,
                unaligned=self.unaligned,
                exact=self.exact,
                dump_blocks=_dump_directory(),
                console=console,
                semihosting_root=semihosting_root,
                command_line=" ".join((self.program, *arguments)),
            )
        with machine:
            self._load(machine)
            yield machine

    def _load(self, machine: Machine) -> None:
        try:
            machine.load(load_program(self.program, base=self.base, entry=self.entry))
        except MachineError as error:
            raise InputError(f"{self.program}: {error}") from error
        for placement in self.placements:
            machine.place(placement.address, load_data(placement.file), placement.file)
        for assignment in self.registers:
            assignment.apply(machine.cpu)


DUMP_VARIABLE = "A64_DUMP_BLOCKS"
"""The environment variable that names a directory for the source of what is compiled."""


def _dump_directory() -> Path | None:
    name = os.environ.get(DUMP_VARIABLE)
    return Path(name) if name else None


_OPTIONS = (
    click.option(
        "--entry",
        type=parse_place,
        metavar="PLACE",
        help="Address or symbol to start at, instead of where the program says.",
    ),
    click.option(
        "--base",
        type=parse_address,
        metavar="ADDRESS",
        default=f"{DEFAULT_BASE:#x}",
        show_default=True,
        help="Where a source or raw image is placed in memory.",
    ),
    click.option(
        "--load",
        "placements",
        type=parse_placement,
        metavar="FILE@ADDRESS",
        multiple=True,
        help="Put a file into RAM at a physical address, byte for byte whatever its format. Repeatable.",
    ),
    click.option(
        "--reg",
        "registers",
        type=parse_assignment,
        metavar="NAME=VALUE",
        multiple=True,
        help="Set x0 to x30, w0 to w30, sp or pc before the start. Repeatable.",
    ),
    click.option(
        "--el",
        type=parse_level,
        metavar="LEVEL",
        default="1",
        show_default=True,
        help="Exception level to start in, 0 to 3.",
    ),
    click.option(
        "--max-el",
        type=parse_level,
        metavar="LEVEL",
        help="Highest exception level there is, 1 to 3.  [default: that of --el, at least 1]",
    ),
    click.option(
        "--ram",
        type=parse_size,
        metavar="SIZE",
        default=f"{DEFAULT_RAM >> 20}M",
        show_default=True,
        help="Size of RAM, which begins at 0x40000000.",
    ),
    click.option(
        "--features",
        type=parse_features,
        metavar="LIST",
        default="default",
        show_default=True,
        help="Architecture features: default, all or none, then +name or -name, separated by commas.",
    ),
    click.option("--unaligned", is_flag=True, help="Allow unaligned data accesses while the MMU is off."),
    click.option("--exact", is_flag=True, help="Execute one instruction at a time, without the hot path."),
)
"""In the order of the help."""


def with_machine_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument PROGRAM and the options above, and itself one `machine_options` for them all."""
    return _with_machine_options(command, click.argument("program"))


def with_optional_program(command: Callable[..., None]) -> Callable[..., None]:
    """As `with_machine_options`, for a command that may do without; the program is then empty."""
    return _with_machine_options(command, click.argument("program", required=False, default=""))


def _with_machine_options(
    command: Callable[..., None], program: Callable[[Callable[..., None]], Callable[..., None]]
) -> Callable[..., None]:
    names = [field.name for field in attrs.fields(MachineOptions)]

    @wraps(command)
    def gather(*args: object, **values: object) -> None:
        options = MachineOptions(**{name: values.pop(name) for name in names})  # type: ignore[arg-type]  # by click
        command(*args, machine_options=options, **values)

    decorated: Callable[..., None] = gather
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return program(decorated)
