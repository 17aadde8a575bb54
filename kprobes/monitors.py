"""Debug exceptions as the kernel shares them among who needs them (arch/arm64/kernel/debug-monitors.c)."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import TYPE_CHECKING

from kprobes.pt_regs import SS

if TYPE_CHECKING:
    from kprobes.host import Host
    from kprobes.pt_regs import PtRegs

MDSCR_SS, MDSCR_KDE, MDSCR_MDE = 1 << 0, 1 << 13, 1 << 15


@unique
class Monitor(IntEnum):
    """The level whose debug exceptions are wanted (`enum dbg_active_el`)."""

    EL0 = 0
    EL1 = 1


_ENABLES = {Monitor.EL0: MDSCR_MDE, Monitor.EL1: MDSCR_KDE}


class DebugMonitors:
    """Counts who wants debug exceptions, and sets MDSCR_EL1.MDE and KDE while somebody does.

    Unlike the kernel, which owns the register, it leaves a bit set that was so before the first one wanted it: the
    guest may debug, too. `is_enabled` False is the kernel's option nodebugmon: it counts, and sets nothing.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._users = dict.fromkeys(Monitor, 0)
        self._set_before = 0
        self.is_enabled = True

    def users(self, level: Monitor) -> int:
        """How many want debug exceptions of a level."""
        return self._users[level]

    def enable(self, level: Monitor) -> None:
        """enable_debug_monitors: whoever wants those of EL1 wants MDSCR_EL1.MDE, too."""
        for one in Monitor:
            if one <= level:
                self._users[one] += 1
                if self._users[one] == 1:
                    self._switch_on(_ENABLES[one])

    def disable(self, level: Monitor) -> None:
        """disable_debug_monitors; once too often does nothing, which the kernel warns of."""
        for one in Monitor:
            if one <= level and self._users[one]:
                self._users[one] -= 1
                if self._users[one] == 0:
                    self._switch_off(_ENABLES[one])

    def _switch_on(self, bit: int) -> None:
        self._set_before = self._set_before & ~bit | self._host.mdscr & bit
        if self.is_enabled:
            self._host.mdscr |= bit

    def _switch_off(self, bit: int) -> None:
        if self.is_enabled:
            self._host.mdscr &= ~(bit & ~self._set_before)

    @property
    def is_stepping(self) -> bool:
        """Whether somebody steps the kernel (kernel_active_single_step), and it was begun here."""
        return self._users[Monitor.EL1] > 0 and bool(self._host.mdscr & MDSCR_SS)

    def enable_single_step(self, regs: PtRegs) -> None:
        """kernel_enable_single_step: the instruction that `regs` returns to is stepped."""
        regs.set_bits(SS, to=True)
        self._host.mdscr |= MDSCR_SS
        self.enable(Monitor.EL1)

    def disable_single_step(self) -> None:
        """kernel_disable_single_step."""
        self._host.mdscr &= ~MDSCR_SS
        self.disable(Monitor.EL1)
