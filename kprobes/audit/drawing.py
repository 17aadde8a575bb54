"""What to try of a definition: its fields and a state, drawn so that accesses and branches often go somewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.isa.branch import direct_target
from aarch64.isa.definition import Trait
from aarch64.isa.table import assemble, decode
from aarch64.memory import PAGE_SHIFT, PAGE_SIZE
from aarch64.pstate import PState
from aarch64.sampling import draw_fields, draw_value, is_encoding_of
from aarch64.sysregs import names
from aarch64.sysregs.table import TABLE
from aarch64.system_operations import OPERATIONS
from kprobes.audit.case import (
    CODE,
    DATA,
    EL1H,
    GUARDED,
    NO_TRAPS,
    NOWHERE,
    READ_ONLY,
    REGISTERS,
    UART,
    UNACCESSED,
    UNMAPPED,
    UPPER,
    UPPER_DATA,
    UPPER_UNMAPPED,
    USER,
    VECTORS,
    Case,
)

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping

    from aarch64.isa.definition import Definition

_GOOD_PLACES = (DATA + 0x800, DATA + 0x800, DATA + 0xFF8, DATA + 0x400, UPPER_DATA + 0x800)
_BAD_PLACES = (
    READ_ONLY + 0x10,
    UNACCESSED + 0x10,
    UNMAPPED + 0x10,
    USER + 0x10,
    UPPER_UNMAPPED + 0x10,
    UPPER + (1 << 21),
    UPPER + (1 << 30),
    UPPER + (1 << 39),
    1 << 21,
    1 << 39,
    1 << 52,
    NOWHERE,
    UART,
    DATA + 0x101,
    DATA + PAGE_SIZE - 4,
    0x5A << 56 | DATA + 0x800,
)
"""Addresses that are not mapped, at each level and in each range, or may not be accessed so, or are not aligned."""
_ENDS_OF_PAGES = tuple(page - 4 for page in (READ_ONLY, UNACCESSED, UNMAPPED, USER, USER + PAGE_SIZE))
"""The last word before a page of another kind."""

_ACCESSES = Trait.LOADS | Trait.STORES | Trait.ATOMIC | Trait.UNPRIVILEGED | Trait.PREFETCHES | Trait.MAINTAINS
SCTLR_EN_KEYS = 1 << 31 | 1 << 30 | 1 << 27 | 1 << 13
_SCTLR_A, _SCTLR_SA = 1 << 1, 1 << 3
_TRAPS = (20, 21, 16, 17, 18, 23, 24, 25, 26, 30, 40, 41)
"""Bits of HCR_EL2 that have EL2 take what EL1 executes; 40 and 41 do so where clear."""
_ALWAYS = 0b1110
_BTYPE_CALL, _BTYPE_JUMP = 0b10 << 10, 0b01 << 10

_REGISTERS = tuple(encoding for encoding in TABLE if names.decode(encoding)[0] >= 2)
_OPERATIONS = tuple(OPERATIONS)
_CLOCKS = ("CNTPCT", "CNTVCT", "CNTP_TVAL", "CNTV_TVAL", "CNTPS_TVAL", "CNTHP_TVAL", "CNTHV_TVAL", "PMCCNTR")


PLAINEST = Case(assemble("add x0, x0, #0"))
"""An instruction of which nothing is to be expected but that it is executed."""
ENGINE_CASES = (
    Case(assemble("ldr x0, [x1]"), x=(0, UNMAPPED, *(0,) * (REGISTERS - 2)), translates=True),
    Case(assemble("udf #0")),
    attrs.evolve(PLAINEST, pstate=EL1H | _BTYPE_CALL, translates=True, guarded=True),
    Case(assemble("pacia x0, x1"), sctlr=SCTLR_EN_KEYS, hcr=NO_TRAPS ^ 1 << 41),
)
"""An exception in the slot of each kind that engines deal with: a page fault, another one, a branch target exception, a
trap to EL2."""


def draw_case(rng: random.Random, definition: Definition) -> Case:
    """Random fields in a random state, in which accesses are often to memory that can be accessed."""
    word = definition.encode(_draw_fields(rng, definition))
    is_access = bool(definition.traits & _ACCESSES)
    translates = rng.random() < 0.6
    guarded = translates and rng.random() < 0.3
    pstate = PState(el=1, sp=int(rng.random() < 0.8), pan=int(rng.random() < 0.3), uao=rng.getrandbits(1))
    pstate.daif, pstate.nzcv = rng.randrange(8) | 8 * (rng.random() < 0.2), rng.randrange(16)
    pstate.dit, pstate.ssbs = rng.getrandbits(1), rng.getrandbits(1)
    pstate.btype = rng.randrange(4) if guarded or rng.random() < 0.1 else 0
    return Case(
        word=word,
        x=tuple(_draw_register(rng, is_access=is_access) for _ in range(REGISTERS)),
        sp=_draw_address(rng) & ~(15 if rng.random() < 0.9 else 0),
        pstate=pstate.to_spsr(),
        translates=translates,
        guarded=guarded,
        sctlr=rng.choice((0, 0, 0, _SCTLR_A, _SCTLR_SA)) | rng.choice((0, SCTLR_EN_KEYS)),
        hcr=NO_TRAPS ^ sum(1 << bit for bit in _TRAPS if rng.random() < 0.05),
        unaligned=rng.random() < 0.5,
    )


def draw_directed(rng: random.Random, definition: Definition) -> Iterator[Case]:
    """Cases in which kernels are often wrong, one of each kind; then each encoding that has a meaning of its own.

    The kinds: nothing set that need not be; an indirect branch has led here, be it into a guarded page or not.
    """
    for kind in range(KINDS):
        yield draw_kind(rng, definition, kind)
    yield from covered(definition)


_KINDS: tuple[dict[str, Any], ...] = (
    {"pstate": EL1H},
    {"pstate": EL1H | _BTYPE_JUMP},
    {"pstate": EL1H | _BTYPE_CALL, "translates": True, "guarded": True},
)
KINDS = len(_KINDS)
"""How many kinds of directed cases there are."""


def draw_kind(rng: random.Random, definition: Definition, kind: int) -> Case:
    """A case of one of the kinds above."""
    drawn = draw_case(rng, definition)
    plain = attrs.evolve(drawn, translates=False, guarded=False, sctlr=0, hcr=NO_TRAPS)
    return attrs.evolve(plain, **_KINDS[kind])


def covered(definition: Definition) -> Iterator[Case]:
    """A case of each encoding that has a meaning of its own."""
    for fields in _covered(definition):
        if is_encoding_of(definition, fields) and is_comparable(definition, fields):
            yield Case(definition.encode(fields), translates=True)


def _covered(definition: Definition) -> Iterator[dict[str, int]]:
    """Of what does many things: each system register, each operation, each end of a page; a condition that holds."""
    if definition.title == "MRS":
        for encoding in _REGISTERS:
            op0, *others = names.decode(encoding)
            yield {"rt": 0, **dict(zip(_MRS_FIELDS, (op0 - 2, *others), strict=True))}
    elif definition.title in ("SYS", "SYSL"):
        for operation in _OPERATIONS:
            yield {"rt": 31, **dict(zip(_SYS_FIELDS, operation, strict=True))}
    elif definition.title == "LDR (literal)":
        for place in _ENDS_OF_PAGES:
            for size in (0, 1):
                yield {"sf": size, "imm19": (place - CODE) // 4, "rt": 0}
    elif "cond" in definition.fields and definition.traits & Trait.BRANCHES:
        yield {"cond": _ALWAYS, "imm19": 4}


def _draw_fields(rng: random.Random, definition: Definition) -> dict[str, int]:
    """Random fields; of system registers and operations mostly those there are, of literals those that are data."""
    while True:
        fields = draw_fields(definition, rng)
        if definition.title == "MRS" and rng.random() < 0.9:
            op0, *others = names.decode(rng.choice(_REGISTERS))
            fields |= dict(zip(_MRS_FIELDS, (op0 - 2, *others), strict=True))
        elif definition.title in ("SYS", "SYSL") and rng.random() < 0.8:
            fields |= dict(zip(_SYS_FIELDS, rng.choice(_OPERATIONS), strict=True))
        elif "imm19" in fields and definition.traits & Trait.LOADS and rng.random() < 0.7:
            fields["imm19"] = (_draw_address(rng) - CODE) // 4
        if _fits(definition, fields) and is_encoding_of(definition, fields) and is_comparable(definition, fields):
            return fields


def _fits(definition: Definition, fields: Mapping[str, int]) -> bool:
    return all(value in definition.fields[name].domain for name, value in fields.items())


_MRS_FIELDS = ("o0", "op1", "crn", "crm", "op2")
_SYS_FIELDS = ("op1", "crn", "crm", "op2")


def is_comparable(definition: Definition, fields: Mapping[str, int]) -> bool:
    """Whether a probe could leave what an instruction does as it is, and that can be told.

    It reads neither time nor its own word as data, and does not branch to where exceptions are told by.
    """
    return not (
        _reads_time(definition, fields) or _reads_itself(definition, fields) or _leads_to_vectors(definition, fields)
    )


def _leads_to_vectors(definition: Definition, fields: Mapping[str, int]) -> bool:
    targets = (direct_target(fields, pc) for pc in (CODE, GUARDED))
    return bool(definition.traits & Trait.BRANCHES) and any(
        target is not None and target >> PAGE_SHIFT == VECTORS >> PAGE_SHIFT for target in targets
    )


def _reads_itself(definition: Definition, fields: Mapping[str, int]) -> bool:
    """Whether it is a load of its own word: as data, a probe is seen."""
    return definition.title.endswith("(literal)") and fields["imm19"] in (0, -1)


def _reads_time(definition: Definition, fields: Mapping[str, int]) -> bool:
    """Whether it is a move from a counter: what it reads is the time that a hit takes."""
    return definition.title == "MRS" and register_name(fields).startswith(_CLOCKS)


def register_name(fields: Mapping[str, int]) -> str:
    """The system register that MRS with these fields reads."""
    encoding = names.encode(2 + fields["o0"], *(fields[name] for name in _MRS_FIELDS[1:]))
    return names.name_of(encoding, names.Direction.READ)


def detail_of(word: int) -> str:
    """What of a definition that does many things a word does: a system register, an operation; empty for others."""
    decoded = decode(word)
    if decoded is None:
        return ""
    fields = decoded.fields
    if decoded.definition.title == "MRS":
        return register_name(fields)
    if decoded.definition.title not in ("SYS", "SYSL"):
        return ""
    operation = OPERATIONS.get((fields["op1"], fields["crn"], fields["crm"], fields["op2"]))
    return "an operation that there is not" if operation is None else f"{operation.mnemonic} {operation.name}".strip()


def _draw_register(rng: random.Random, *, is_access: bool) -> int:
    return _draw_address(rng) if is_access and rng.random() < 0.8 else draw_value(rng)


def _draw_address(rng: random.Random) -> int:
    return rng.choice(_GOOD_PLACES if rng.random() < 0.7 else _BAD_PLACES) + 8 * rng.randrange(4)
