"""Probes: what a caller registers, and what registration adds to it (`struct kprobe`)."""

from __future__ import annotations

from enum import Flag, auto
from typing import TYPE_CHECKING, Protocol, TypeAlias

import attrs

if TYPE_CHECKING:
    from collections.abc import Callable

    from kprobes.ports import Instruction
    from kprobes.pt_regs import PtRegs


@attrs.frozen
class GuestFunction:
    """A handler that is a function of the guest: its symbol, or its address.

    It is called with the probed address in X0 and the address of a `struct pt_regs` in X1, which it may change, at the
    level and with the masks of the exception; what it returns in W0 counts as from a Python handler. X2 is 0 for a
    post-handler (its `flags`), the syndrome of the fault for a fault handler, and for the handlers of a kretprobe the
    address that the function returns to. The entry of a jprobe is another matter: `Jprobe` says.
    """

    target: str | int


Handler: TypeAlias = "Callable[[Kprobe, PtRegs], object] | GuestFunction"
"""Called with the probe and the registers it interrupted. What a pre-handler gives is 0 or None, unless it has set the
PC itself and the instruction is not to be executed. A fault handler gives something else where it has dealt with the
fault.
"""


class ProbeFlag(Flag):
    """KPROBE_FLAG_*."""

    NONE = 0
    GONE = auto()
    """The code it was in is no more."""
    DISABLED = auto()


@attrs.frozen
class ArchInstruction:
    """How the probed instruction is executed (`struct arch_probe_insn`).

    `slot` is the address of its copy, None where it is simulated; `restore` is the PC after it, None where simulation
    has set it.
    """

    instruction: Instruction
    slot: int | None
    restore: int | None


@attrs.define(eq=False)
class Kprobe:
    """A probe on one instruction: at a symbol and an offset from it, or at an address.

    Attributes:
        symbol, offset, address: where: `symbol` and bytes from it, or an address. Registration sets `address`.
        pre_handler: called before the instruction.
        post_handler: called after it.
        fault_handler: called when a handler of the probe faults; kernels before v5.14 have it.
        flags: whether it is disabled. To register it so, set DISABLED before.
        nmissed: how often it was hit and its handlers were not called.
        opcode: the instruction word that the breakpoint stands for.
        ainsn: how that is executed.
    """

    symbol: str | None = None
    offset: int = 0
    address: int | None = None
    pre_handler: Handler | None = attrs.field(default=None, kw_only=True)
    post_handler: Handler | None = attrs.field(default=None, kw_only=True)
    fault_handler: Handler | None = attrs.field(default=None, kw_only=True)
    break_handler: Callable[[Kprobe, PtRegs], object] | None = attrs.field(default=None, kw_only=True, repr=False)
    flags: ProbeFlag = attrs.field(default=ProbeFlag.NONE, kw_only=True)
    nmissed: int = attrs.field(default=0, init=False)
    opcode: int | None = attrs.field(default=None, init=False)
    ainsn: ArchInstruction | None = attrs.field(default=None, init=False, repr=False)

    @property
    def at(self) -> int:
        """The address of a probe that is registered."""
        assert self.address is not None
        return self.address

    @property
    def execution(self) -> ArchInstruction:
        """How the instruction of a probe that is registered is executed."""
        assert self.ainsn is not None
        return self.ainsn

    @property
    def is_disabled(self) -> bool:
        """Whether it is not to be hit (kprobe_disabled)."""
        return bool(self.flags & (ProbeFlag.DISABLED | ProbeFlag.GONE))

    @property
    def is_gone(self) -> bool:
        """Whether its code is no more (kprobe_gone)."""
        return bool(self.flags & ProbeFlag.GONE)

    def kill(self) -> None:
        """Its code is no more (kill_kprobe)."""
        self.flags |= ProbeFlag.GONE

    def count_missed(self) -> None:
        """kprobes_inc_nmissed_count."""
        self.nmissed += 1


class MadeOfKprobe(Protocol):
    """A probe that is made of a kprobe: a jprobe, a kretprobe."""

    @property
    def kprobe(self) -> Kprobe:
        """The kprobe."""


def kprobe_of(probe: Kprobe | MadeOfKprobe) -> Kprobe:
    """The kprobe that a probe is, or is made of."""
    return probe if isinstance(probe, Kprobe) else probe.kprobe
