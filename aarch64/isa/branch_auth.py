"""Branches to an address in a register that is authenticated first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aarch64.bits import Bits, mask
from aarch64.features import Feature
from aarch64.isa.definition import Group, Trait
from aarch64.isa.operands import Choice
from aarch64.pointer_auth import Key, authenticate
from aarch64.pstate import BranchType
from aarch64.registers import LINK_REGISTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.cpu import Cpu

GROUP = Group("Branches with pointer authentication", {"key": lambda field: Choice(field, ("a", "b"))})

KEYS = (Key.IA, Key.IB)
"""The key that the field `m` selects."""


CALLS = Trait.BRANCHES | Trait.CALLS


def insn(
    title: str, pattern: str, asm: str, traits: Trait = Trait.BRANCHES
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Define a branch of FEAT_PAuth."""
    return GROUP.insn(title, pattern, asm=asm, feature=Feature.PAUTH, traits=traits)


def call(cpu: Cpu, target: Bits) -> None:
    """Go to an authenticated address, the address of the next instruction in X30."""
    cpu.set_x(LINK_REGISTER, (cpu.pc + 4) & mask(64))
    cpu.branch_indirect(target, BranchType.CALL)


@insn("BRAA, BRAAZ, BRAB, BRABZ", "1101011 1000 11111 00001 m:1 rn:5 rm:5", "bra{m:key} {rn:X}, {rm:XSP}")
def bra(cpu: Cpu, m: int, rn: int, rm: int) -> None:
    cpu.jump(authenticate(cpu, cpu.x(rn), cpu.xsp(rm), KEYS[m], combined=True), rn)


@insn("BRAA, BRAAZ, BRAB, BRABZ", "1101011 0000 11111 00001 m:1 rn:5 11111", "bra{m:key}z {rn:X}")
def braz(cpu: Cpu, m: int, rn: int) -> None:
    cpu.jump(authenticate(cpu, cpu.x(rn), 0, KEYS[m], combined=True), rn)


@insn("BLRAA, BLRAAZ, BLRAB, BLRABZ", "1101011 1001 11111 00001 m:1 rn:5 rm:5", "blra{m:key} {rn:X}, {rm:XSP}", CALLS)
def blra(cpu: Cpu, m: int, rn: int, rm: int) -> None:
    call(cpu, authenticate(cpu, cpu.x(rn), cpu.xsp(rm), KEYS[m], combined=True))


@insn("BLRAA, BLRAAZ, BLRAB, BLRABZ", "1101011 0001 11111 00001 m:1 rn:5 11111", "blra{m:key}z {rn:X}", CALLS)
def blraz(cpu: Cpu, m: int, rn: int) -> None:
    call(cpu, authenticate(cpu, cpu.x(rn), 0, KEYS[m], combined=True))


@insn("RETAA, RETAB", "1101011 0010 11111 00001 m:1 11111 11111", "reta{m:key}")
def reta(cpu: Cpu, m: int) -> None:
    target = authenticate(cpu, cpu.x(LINK_REGISTER), cpu.sp, KEYS[m], combined=True)
    cpu.branch_indirect(target, BranchType.NOT_INDIRECT)
