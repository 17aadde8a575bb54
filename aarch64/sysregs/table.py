"""The one table of system registers."""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from aarch64 import pmu
from aarch64.sysregs import absent, control, debug, floating_point, identification, performance, state, timer
from aarch64.sysregs.record import Config, SysReg

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from aarch64.features import Feature

AREAS = (identification, control, state, debug, timer, performance, floating_point)

TABLE: Mapping[int, SysReg] = MappingProxyType(
    {register.encoding: register for area in AREAS for register in area.REGISTERS}
)
"""Every register there is, by encoding."""


@cache
def absent_registers() -> Mapping[str, str]:
    """Every named register that is not there, with the reason; they are UNDEFINED."""
    return absent.absent_registers(frozenset(TABLE))


def reset_values(features: Iterable[Feature], max_el: int, el: int | None = None) -> dict[str, int]:
    """The contents of `cpu.sysregs` after a cold reset, by register name in upper case.

    A machine that starts at a level `el` (0 to 3) below `max_el` finds what firmware would have left there.
    """
    config = Config(frozenset(features), max_el)
    values = {register.key: register.reset_value(config) for register in TABLE.values()}
    values[pmu.SINCE] = 0
    return values | control.firmware_settings(config, max_el if el is None else el)
