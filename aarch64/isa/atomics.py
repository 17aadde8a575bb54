"""Atomic memory operations: compare and swap, swap, and load-operate-store, on one register or a pair (FEAT_LSE128).

With one PE, acquire and release order nothing. Where one register of a pair is both of the pair, it is left with the
second element.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aarch64.bits import Bits, mask, select, signed
from aarch64.features import Feature
from aarch64.isa.addressing import BASE, KINDS, WIDTHS, Transfer
from aarch64.isa.definition import Alias, Group, Trait, alias
from aarch64.registers import ZR

if TYPE_CHECKING:
    from aarch64.cpu import Cpu

GROUP = Group("Atomic memory operations", KINDS)
insn = GROUP.insn

COMPARE_AND_SWAP = "{size} 001000 1 a:1 1 rs:5 r:1 11111 rn:5 rt:5"
COMPARE_AND_SWAP_PAIR = "{size} 001000 0 a:1 1 rs:5 r:1 11111 rn:5 rt:5"
SINGLE = "{size} 111 0 00 a:1 r:1 1 rs:5 {operation} 00 rn:5 rt:5"
PAIR = "00 011001 a:1 r:1 1 rt2:5 {operation} 00 rn:5 rt:5"

TRAITS = Trait.LOADS | Trait.STORES | Trait.ATOMIC

Operation = Callable[[Bits, Bits, int], Bits]
"""The value to store, of the one in memory, the operand, and their width in bits."""


def _title(stem: str, suffix: str = "") -> str:
    """The section's title: the name with every ordering, the suffix after it."""
    return ", ".join(f"{stem}{order}{suffix}".upper() for order in ("", "A", "AL", "L"))


# --- compare and swap


def _define_compare_and_swap(transfer: Transfer) -> None:
    size, width, register = transfer.size, transfer.bits, transfer.register

    @insn(
        _title("cas", transfer.suffix),
        COMPARE_AND_SWAP.format(size=transfer.size_field),
        asm=f"cas{{a?a}}{{r?l}}{transfer.suffix} {{rs:{register}}}, {{rt:{register}}}, {BASE}",
        traits=TRAITS,
        feature=Feature.LSE,
    )
    def compare_and_swap(cpu: Cpu, a: int, r: int, rs: int, rn: int, rt: int) -> None:
        cpu.set_x(rs, cpu.compare_and_swap(cpu.base(rn), size, cpu.x(rs, width), cpu.x(rt, width)))


@insn(
    _title("casp"),
    COMPARE_AND_SWAP_PAIR.format(size="0 sf:1"),
    asm="casp{a?a}{r?l} {rs:pair}, {rt:pair}, " + BASE,
    valid=lambda rs, rt: not (rs | rt) & 1,
    traits=TRAITS,
    feature=Feature.LSE,
)
def compare_and_swap_pair(cpu: Cpu, sf: int, a: int, r: int, rs: int, rn: int, rt: int) -> None:
    width = 64 if sf else 32
    expected = cpu.x(rs + 1, width) << width | cpu.x(rs, width)
    new = cpu.x(rt + 1, width) << width | cpu.x(rt, width)
    old = cpu.compare_and_swap(cpu.base(rn), width // 4, expected, new)
    cpu.set_x(rs, old & mask(width))
    cpu.set_x(rs + 1, old >> width)


# --- swap and load-operate-store


def _define_single(mnemonic: str, operation: str, compute: Operation, transfer: Transfer, *aliases: Alias) -> None:
    size, width, register = transfer.size, transfer.bits, transfer.register

    @insn(
        _title(mnemonic, transfer.suffix),
        SINGLE.format(size=transfer.size_field, operation=operation),
        asm=f"{mnemonic}{{a?a}}{{r?l}}{transfer.suffix} {{rs:{register}}}, {{rt:{register}}}, {BASE}",
        aliases=aliases,
        traits=TRAITS,
        feature=Feature.LSE,
    )
    def load_operate_store(cpu: Cpu, a: int, r: int, rs: int, rn: int, rt: int) -> None:
        operand = cpu.x(rs, width)
        cpu.set_x(rt, cpu.atomic(cpu.base(rn), size, lambda old: compute(old, operand, width)))


def _define_pair(mnemonic: str, operation: str, compute: Operation) -> None:
    @insn(
        _title(mnemonic),
        PAIR.format(operation=operation),
        asm=f"{mnemonic}{{a?a}}{{r?l}} {{rt:X}}, {{rt2:X}}, {BASE}",
        valid=lambda rt, rt2: ZR not in (rt, rt2),
        traits=TRAITS,
        feature=Feature.LSE128,
    )
    def load_operate_store_pair(cpu: Cpu, a: int, r: int, rt2: int, rn: int, rt: int) -> None:
        operand = cpu.x(rt2) << 64 | cpu.x(rt)
        old = cpu.atomic(cpu.base(rn), 16, lambda old: compute(old, operand, 128))
        cpu.set_x(rt, old & mask(64))
        cpu.set_x(rt2, old >> 64)


def _store_alias(name: str, transfer: Transfer) -> Alias:
    """The form that discards the old value, which has no acquire semantics."""
    return alias(f"st{name}{{r?l}}{transfer.suffix} {{rs:{transfer.register}}}, {BASE}", a=0, rt=ZR)


def _swap(_old: Bits, operand: Bits, _width: int) -> Bits:
    return operand


def _add(old: Bits, operand: Bits, width: int) -> Bits:
    return (old + operand) & mask(width)


def _clear(old: Bits, operand: Bits, width: int) -> Bits:
    return old & (operand ^ mask(width))


def _exclusive_or(old: Bits, operand: Bits, _width: int) -> Bits:
    return old ^ operand


def _set(old: Bits, operand: Bits, _width: int) -> Bits:
    return old | operand


def _signed_maximum(old: Bits, operand: Bits, width: int) -> Bits:
    return select(signed(old, width) > signed(operand, width), old, operand)


def _signed_minimum(old: Bits, operand: Bits, width: int) -> Bits:
    return select(signed(old, width) < signed(operand, width), old, operand)


def _unsigned_maximum(old: Bits, operand: Bits, _width: int) -> Bits:
    return select(old > operand, old, operand)


def _unsigned_minimum(old: Bits, operand: Bits, _width: int) -> Bits:
    return select(old < operand, old, operand)


OPERATIONS: tuple[tuple[str, str, Operation], ...] = (
    ("add", "0 000", _add),
    ("clr", "0 001", _clear),
    ("eor", "0 010", _exclusive_or),
    ("set", "0 011", _set),
    ("smax", "0 100", _signed_maximum),
    ("smin", "0 101", _signed_minimum),
    ("umax", "0 110", _unsigned_maximum),
    ("umin", "0 111", _unsigned_minimum),
)
"""Each load-operate-store: its name, its fields o3 and opc, and what it computes."""

for _transfer in WIDTHS:
    _define_compare_and_swap(_transfer)
    _define_single("swp", "1 000", _swap, _transfer)
    for _name, _operation, _compute in OPERATIONS:
        _define_single(f"ld{_name}", _operation, _compute, _transfer, _store_alias(_name, _transfer))
_define_pair("ldclrp", "0 001", _clear)
_define_pair("ldsetp", "0 011", _set)
_define_pair("swpp", "1 000", _swap)
