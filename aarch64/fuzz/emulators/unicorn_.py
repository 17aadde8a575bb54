"""Unicorn (QEMU's translator as a library) as an emulator of single instructions.

The reasoned differences between it and us are in `unicorn_differences.toml`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.fuzz.emulators.situation import CODE, FILLED, RAM, RAM_SIZE, SYSTEM_REGISTERS, content
from aarch64.fuzz.oracles import OracleError, Outcome

if TYPE_CHECKING:
    from aarch64.sampling import State

_CLREX = 0xD503_3F5F
_SCR_EL3 = ((1, 1, 3, 6, 0), 1 << 17 | 1 << 16 | 1 << 10 | 1)  # API, APK, RW, NS
_HCR_EL2 = ((1, 1, 3, 4, 0), 1 << 41 | 1 << 40 | 1 << 31)  # API, APK, RW
"""Unicorn has EL2 and EL3: they trap nothing about pointer authentication."""


class Unicorn:
    """A Uc (OracleError if Unicorn is not installed)."""

    def __init__(self) -> None:
        try:
            import unicorn  # noqa: PLC0415  (an extra)
            from unicorn import arm64_const as names  # noqa: PLC0415
        except ImportError as error:
            raise OracleError("unicorn is needed: pip install 'aarch64-kprobes[oracles]'") from error
        x = [names.UC_ARM64_REG_X0 + number for number in range(29)]
        self._x = [*x, names.UC_ARM64_REG_X29, names.UC_ARM64_REG_X30]
        self._sp, self._pc, self._nzcv = names.UC_ARM64_REG_SP, names.UC_ARM64_REG_PC, names.UC_ARM64_REG_NZCV
        self._error = unicorn.UcError
        uc = unicorn.Uc(unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
        uc.ctl_set_cpu_model(names.UC_CPU_ARM64_MAX)
        uc.mem_map(RAM, RAM_SIZE)
        uc.mem_write(FILLED.start, content())
        uc.ctl_exits_enabled(True)
        for encoding, value in (_SCR_EL3, _HCR_EL2, *SYSTEM_REGISTERS.values()):
            uc.reg_write(names.UC_ARM64_REG_CP_REG, (*encoding, value))
        self._uc = uc

    def write(self, address: int, data: bytes) -> None:
        """Put bytes into RAM."""
        self._uc.mem_write(address, data)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of RAM."""
        return bytes(self._uc.mem_read(address, size))

    def forget_exclusive(self) -> None:
        """Clear the exclusive monitor."""
        self._load(_CLREX, CODE + 4)
        self._uc.emu_start(CODE, 0)

    def _load(self, word: int, end: int) -> None:
        """Put the instruction in place, and have Unicorn stop after it or at `end`, if it goes there."""
        self._uc.mem_write(CODE, word.to_bytes(4, "little"))
        exits = {CODE + 4, end} - {CODE}
        for address in (CODE, *exits):
            self._uc.ctl_remove_cache(address, address + 4)
        self._uc.ctl_set_exits(list(exits))

    def execute(self, word: int, state: State, end: int) -> Outcome:
        """The instruction; where it branches to a bad address Unicorn fails, but there."""
        uc = self._uc
        self._load(word, end)
        uc.reg_write_batch([*zip(self._x, state.x, strict=True), (self._sp, state.sp), (self._nzcv, state.nzcv << 28)])
        try:
            uc.emu_start(CODE, 0, count=int(end == CODE))
        except self._error:
            if end == CODE + 4 or uc.reg_read(self._pc) != end:
                return Outcome(raised=True)
        *x, sp, pc, nzcv = uc.reg_read_batch([*self._x, self._sp, self._pc, self._nzcv])
        return Outcome(False, False, tuple(x), sp, pc, nzcv >> 28)
