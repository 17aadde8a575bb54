"""System registers: one table of records, and MRS and MSR as the table has them."""

from __future__ import annotations

from aarch64.sysregs.access import read_register, write_register
from aarch64.sysregs.table import TABLE, reset_values

__all__ = ["TABLE", "read_register", "reset_values", "write_register"]
