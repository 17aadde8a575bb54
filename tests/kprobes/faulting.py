"""A guest with its MMU on whose pages can be taken away; its handler of faults gives them back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from aarch64.memory import PAGE_SIZE
from kprobes import Kprobe, Kprobes
from kprobes.reports import TransitionReport
from tests.translation.paging import Space

if TYPE_CHECKING:
    from kprobes.probe import Handler
    from kprobes.profiles import Profile
    from kprobes.reports import Report

RAM, RAM_SIZE = 0x4000_0000, 1 << 20
CODE, DATA, STACK, TABLES = RAM, RAM + 0x1_0000, RAM + 0x2_0000, RAM + 0x4_0000
FRAME = RAM + 0x3_0000
"""The page that the addresses below lead to, once they are mapped."""
UPPER = 0xFFFF_0000_0000_0000
DISTANT_PAGE = 1 << 40 | 0x1000
"""An address of user space that shares no table with RAM."""
KERNEL_PAGE, USER_PAGE = UPPER + 0x1_2345_6000, 0x1_2345_6000
VALUE = 0x1122_3344_5566_7788


class Guest:
    """A machine with the MMU on and a program, in which page faults can be arranged.

    To mend one, the program stores X28 to where X27 points; X1 is the address.

    Attributes:
        lower, upper: the two ranges of addresses; RAM is in the lower one, where it is.
        rows: the rows of the table of transitions that were taken.
    """

    def __init__(self, profile: Profile, source: str) -> None:
        self.machine = machine = Machine(el=1, ram=RAM_SIZE)
        machine.load(assemble_source(source, base=CODE))
        cpu = self.cpu = machine.cpu
        frames = iter(range(TABLES, RAM + RAM_SIZE, PAGE_SIZE))
        self.lower, self.upper = (Space(cpu, frames, input_size=48, is_upper=upper) for upper in (False, True))
        for page in range(RAM, RAM + RAM_SIZE + 8 * PAGE_SIZE, PAGE_SIZE):
            self.lower.map(page, page)
        machine.memory.write_bytes(FRAME, VALUE.to_bytes(8, "little") * 512)
        self.upper.use()
        self.lower.use()
        cpu.sp = STACK
        self.kprobes = Kprobes(machine, profile)
        self.rows: list[int] = []
        self.kprobes.engine.watchers.append(self._note)

    def _note(self, report: Report) -> None:
        if isinstance(report, TransitionReport):
            self.rows.append(report.transition.row)

    def break_mapping(self, address: int, level: int = 3, *, fixable: bool = True, **bits: bool) -> None:
        """Map a page, and take that back at a level, or have it be of another kind; the guest's handler can mend it."""
        space = self.upper if address >= UPPER else self.lower
        space.map(address, FRAME)
        entry = space.descriptor_address(address, level)
        self.cpu.gpr[28] = space.read(entry)
        self.cpu.gpr[27] = entry if fixable else 0
        if bits:
            space.map(address, FRAME, **bits)
        else:
            space.write(entry, 0)
        self.cpu.gpr[1] = address

    def probe(self, symbol: str = "load", **handlers: Handler) -> tuple[Kprobe, list[str]]:
        """A probe that was registered, and the calls of those of its handlers that are not given."""
        calls: list[str] = []
        probe = Kprobe(
            symbol,
            pre_handler=handlers.get("pre", lambda _probe, _regs: calls.append("pre")),
            post_handler=handlers.get("post", lambda _probe, _regs: calls.append("post")),
            fault_handler=handlers.get("fault"),
        )
        self.kprobes.register(probe)
        return probe, calls

    def run(self, until: str = "done") -> None:
        """Run to a symbol."""
        stop = self.machine.run(max_cycles=2000, until=until)
        assert self.cpu.pc == self.machine.resolve(until), stop

    @property
    def told(self) -> list[int]:
        """ELR, SPSR, ESR and FAR that the guest's handler saw last."""
        return self.cpu.gpr[9:13]
