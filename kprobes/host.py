"""What the engine needs of the machine it works on, and no more: `arch.py` provides it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import attrs

from kprobes.errors import KprobesError
from kprobes.ports import Registers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from kprobes.ports import Instruction
    from kprobes.rules import Defect


class MemoryFault(KprobesError):
    """The guest's memory cannot be accessed at `address`, or not so."""

    def __init__(self, address: int, reason: str) -> None:
        super().__init__(f"memory at {address:#x} cannot be accessed: {reason}")
        self.address = address


class Frame(Registers, Protocol):
    """What an exception interrupted, and what it was: Linux's `struct pt_regs` with ESR_EL1 and FAR_EL1."""

    @property
    def esr(self) -> int:
        """The syndrome."""

    @property
    def far(self) -> int:
        """The address that an abort is about."""

    @property
    def el(self) -> int:
        """The level the exception was taken to."""

    @property
    def source_el(self) -> int:
        """The level it was taken from."""


@attrs.frozen
class Strip:
    """The bits that decide whether a step is taken, at one moment; `r_` are those of the saved PSTATE (SPSR_EL1).

    What is saved is None outside of an exception.
    """

    d: int
    i: int
    ss: int
    r_d: int | None
    r_i: int | None
    r_ss: int | None
    mdscr_ss: int
    kde: int
    mde: int

    def __str__(self) -> str:
        return "; ".join(f"{group} {' '.join(bits)}" for group, bits in self._groups())

    def _groups(self) -> Iterator[tuple[str, list[str]]]:
        for group, names in STRIP.items():
            values = [(bit, getattr(self, name)) for name, bit in names.items()]
            if all(value is not None for _, value in values):
                yield group, [f"{bit}={value}" for bit, value in values]


STRIP = {
    "PSTATE": {"d": "D", "i": "I", "ss": "SS"},
    "saved": {"r_d": "D", "r_i": "I", "r_ss": "SS"},
    "MDSCR_EL1": {"mdscr_ss": "SS", "kde": "KDE", "mde": "MDE"},
}
"""The bits of a `Strip`: by the register they are in, the attribute and the name of each."""


class Host(Protocol):
    """The running machine, one CPU of it at a time."""

    mdscr: int
    """MDSCR_EL1."""
    masks: int
    """PSTATE.DAIF as it is now, at its place in a saved PSTATE. Set within an exception, it is so until that ends."""

    @property
    def cpu(self) -> int:
        """The number of the CPU that asks (smp_processor_id)."""

    @property
    def cycle(self) -> int:
        """The cycle counter."""

    @property
    def nesting(self) -> int:
        """How many exceptions of the kernel are being handled, one within another."""

    def strip(self, frame: Frame | None) -> Strip:
        """The bits of a step as they are now."""

    # --- code

    def read_word(self, address: int) -> int | None:
        """The instruction word that is in memory at an address of the kernel; None where there is no memory."""

    def write_text(self, address: int, *words: int) -> None:
        """Write instruction words, and have every CPU see them; MemoryFault where there is no memory."""

    def instruction(self, word: int) -> Instruction:
        """What a word is."""

    def assemble(self, source: str, address: int) -> tuple[int, ...]:
        """The words of some assembly at an address."""

    def check_landing(self, instruction: Instruction, address: int, frame: Frame) -> None:
        """Have what PSTATE.BTYPE of `frame` does to an instruction at `address` happen (BranchTargetCheck).

        Raises:
            An exception that the machine takes a guest's exception from, where it may not be branched to so.
        """

    def simulate(self, instruction: Instruction, address: int, frame: Frame, defects: Defect) -> None:
        """Do to `frame` what an instruction does at `address`.

        Raises:
            Any exception that the machine takes a guest's exception from: the frame is as it was.
        """

    # --- data

    def read(self, address: int, size: int) -> bytes:
        """Bytes of the kernel's memory; MemoryFault where it cannot be read."""

    def write(self, address: int, data: bytes) -> None:
        """Write bytes of the kernel's memory; MemoryFault where it cannot be written, nothing being written."""

    def without_pac(self, address: int) -> int:
        """A code address without the authentication code that may be in it (XPACI)."""

    # --- control

    def call(self, function: int, *arguments: int) -> int:
        """Run a function of the guest as part of the handler, and give X0."""

    def call_with(self, frame: Frame, function: int, first: int, *others: int) -> int:
        """Likewise a handler: X0 is `first`, X1 the address of the frame, which it may change, the others follow."""

    def fixup(self, pc: int) -> int | None:
        """Where a fault at an address goes on by the exception table (search_exception_tables), if it is there."""

    def locate(self, address: int) -> str:
        """An address in hex, with the symbol it belongs to."""

    def when_returned(self, action: Callable[[], None], is_possible: Callable[[], bool]) -> None:
        """Have a function called once no exception is being handled and it is possible; at once if that is so now."""
