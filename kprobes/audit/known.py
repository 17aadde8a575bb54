"""Where the kernels break the transparency law: instructions that they accept, and that do not do the same when probed.

They were found by the law (`law.py`), which holds for all that is not here. Each has the state that shows it, what is
different then, and why in a sentence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import attrs

from aarch64.isa.table import assemble, decode
from kprobes.audit.case import CODE, EL1H, GUARDED, REGISTERS, UNACCESSED, Case
from kprobes.audit.drawing import detail_of
from kprobes.audit.telling import Symptom
from kprobes.pt_regs import BTYPE

if TYPE_CHECKING:
    from collections.abc import Callable

_BTYPE_CALL = 0b10 << 10


def _with_btype(case: Case) -> bool:
    return bool(case.pstate & BTYPE)


def _in_guarded_page(case: Case) -> bool:
    return case.translates and case.guarded and _with_btype(case)


def _always(_case: Case) -> bool:
    return True


def _reads(register: str) -> Callable[[Case], bool]:
    return lambda case: detail_of(case.word) == register.upper()


@attrs.frozen(eq=False)
class Finding:
    """A way in which probing an instruction changes what it does.

    Attributes:
        name: what it is called.
        kernels: the names of the profiles that have it.
        titles: the definitions it concerns.
        shows: an instruction that shows it, and what its case has besides.
        differs: what is different then.
        symptoms: in what other cases of it differ.
        why: in a sentence.
        when: the cases that it may concern; all others obey the law.
    """

    name: str
    kernels: tuple[str, ...]
    titles: frozenset[str]
    shows: tuple[str, dict[str, Any]]
    differs: frozenset[str]
    symptoms: frozenset[Symptom]
    why: str
    when: Callable[[Case], bool] = _always

    @property
    def case(self) -> Case:
        """The state that shows it."""
        text, state = self.shows
        pc = GUARDED if state.get("guarded") else CODE
        return attrs.evolve(Case(assemble(text, pc), pstate=EL1H), **state)


def _x(**values: int) -> tuple[int, ...]:
    return tuple(values.get(f"x{number}", 0) for number in range(REGISTERS))


_ALL = ("v15", "v4.8", "v5.10", "v7.2")
_SIMULATING = ("v4.8", "v5.10", "v7.2")
_STEPPING = ("v15", "v4.8")
_MASKS = ("PSTATE.d", "PSTATE.a", "PSTATE.i", "PSTATE.f")
_TO_HANDLER = frozenset({"pc", "ELR_EL1", "SPSR_EL1", "ESR_EL1", *_MASKS})
_LOST = _TO_HANDLER | {"MDSCR_EL1"}
"""The step that was to end the slot is taken elsewhere, or never."""
_STATE = frozenset({Symptom.PSTATE})
_LANDING = frozenset({Symptom.MISSED_EXCEPTION, Symptom.OTHER_EXCEPTION})
_ELSEWHERE = frozenset({Symptom.ASTRAY, Symptom.NEW_EXCEPTION, Symptom.OTHER_EXCEPTION, Symptom.STEPPING})
_SIMULATED = frozenset(
    {"B", "BL", "B.cond", "CBZ", "CBNZ", "TBZ", "TBNZ", "RET", "ADR", "ADRP", "LDR (literal)", "LDRSW (literal)"}
)

FINDINGS = (
    Finding(
        "simulation-keeps-btype", _SIMULATING, _SIMULATED,
        (f"adr x0, {CODE + 0x10:#x}", {"pstate": EL1H | _BTYPE_CALL}),
        frozenset({"PSTATE.btype"}),
        _STATE,
        "what is simulated does not clear PSTATE.BTYPE: the next instruction is taken for the target of the branch",
        _with_btype,
    ),
    Finding(
        "simulation-ignores-landing", _SIMULATING, _SIMULATED | {"BR", "BLR"},
        ("ret x1", {"pstate": EL1H | _BTYPE_CALL, "guarded": True, "translates": True, "x": _x(x1=CODE)}),
        _TO_HANDLER | {"PSTATE.btype"},
        _LANDING,
        "what is simulated in a guarded page may be branched to, whatever it is: the branch target exception is missed",
        _in_guarded_page,
    ),
    Finding(
        "simulated-nop-ignores-landing", ("v7.2",), frozenset({"NOP"}),
        ("nop", {"pstate": EL1H | _BTYPE_CALL, "guarded": True, "translates": True}),
        _TO_HANDLER,
        _LANDING,
        "NOP is simulated, too (since v6.13), and in a guarded page may be branched to: the exception is missed",
        _in_guarded_page,
    ),
    Finding(
        "simulated-jump-sets-no-btype", _SIMULATING, frozenset({"BR", "BLR"}),
        ("blr x1", {"x": _x(x1=CODE + 8)}),
        frozenset({"PSTATE.btype"}),
        _STATE,
        "an indirect branch that is simulated does not set PSTATE.BTYPE: where it leads is not checked",
    ),
    Finding(
        "wide-literal", ("v4.8", "v5.10"), frozenset({"LDR (literal)"}),
        (f"ldr w0, {UNACCESSED - 4:#x}", {"translates": True}),
        _TO_HANDLER | {"FAR_EL1", "x0"},
        frozenset({Symptom.NEW_EXCEPTION, Symptom.OTHER_EXCEPTION, Symptom.SYSTEM}),
        "LDR of a W register reads 8 bytes: at the end of a page it faults for the next one (before v6.12)",
    ),
    *(
        Finding(
            name, kernels, frozenset({"BC.cond"}),
            (f"bc.eq {CODE + 0x10:#x}", {"pstate": EL1H | 1 << 30}),
            differs,
            _ELSEWHERE,
            "BC.cond is not known for a branch: executed in the slot, it branches relative to the slot",
        )
        for name, kernels, differs in (
            ("stepped-bc-cond", _STEPPING, _LOST),
            ("bc-cond", ("v5.10", "v7.2"), _TO_HANDLER),
        )
    ),
    Finding(
        "authenticated-jump", _STEPPING, frozenset({"BRAA, BRAAZ, BRAB, BRABZ"}),
        ("braaz x1", {"x": _x(x1=CODE + 8)}),
        _LOST | {"PSTATE.btype"},
        _ELSEWHERE,
        "it is not known for a branch: executed in the slot, it leaves it, and its step is nobody's (before v5.10)",
    ),
    Finding(
        "authenticated-call", _STEPPING, frozenset({"BLRAA, BLRAAZ, BLRAB, BLRABZ"}),
        ("blraaz x1", {"x": _x(x1=CODE + 8)}),
        _LOST | {"PSTATE.btype", "x30"},
        _ELSEWHERE,
        "it is not known for a branch: executed in the slot, it leaves it, X30 leading behind the slot (before v5.10)",
    ),
    Finding(
        "authenticated-return", _STEPPING, frozenset({"RETAA, RETAB"}),
        ("retaa", {"x": _x(x30=CODE + 8)}),
        _LOST,
        _ELSEWHERE,
        "it is not known for a branch: executed in the slot, it leaves it, and its step is nobody's (before v5.10)",
    ),
    Finding(
        "authenticated-eret", _STEPPING, frozenset({"ERETAA, ERETAB"}),
        ("eretaa", {}),
        frozenset({"MDSCR_EL1", "pc", "PSTATE.el", "PSTATE.sp", "PSTATE.i"}),
        _ELSEWHERE,
        "executed in the slot, it returns from the exception of the probe: to the slot itself (before v5.10)",
    ),
    Finding(
        "wfet", _ALL, frozenset({"WFET"}),
        ("wfet x0", {"x": _x(x0=1 << 40)}),
        frozenset({"waiting"}),
        frozenset({Symptom.WAITING}),
        "the return from the probe's exception sets the event register: it never waits (WFE itself is rejected)",
    ),
    *(
        Finding(
            f"reads-{register}", kernels, frozenset({"MRS"}), (f"mrs x0, {register}", {}), frozenset({"x0"}),
            frozenset({Symptom.RESULT}), why,
            _reads(register),
        )
        for register, kernels, why in (
            ("elr_el1", _ALL, "ELR_EL1 is what the return from the probe's exception needed: the slot"),
            ("spsr_el1", _ALL, "SPSR_EL1 is what the return from the probe's exception needed: PSTATE of the slot"),
            ("esr_el1", _ALL, "ESR_EL1 tells of the probe's BRK"),
            ("mdscr_el1", _STEPPING, "MDSCR_EL1 has the bits of stepping set while the slot is executed"),
        )
    ),
)  # fmt: skip


def known(kernel: str, case: Case, symptom: Symptom) -> Finding | None:
    """The finding that accounts for a symptom of a case of a kernel."""
    decoded = decode(case.word)
    title = "" if decoded is None else decoded.definition.title
    fitting = (
        item
        for item in FINDINGS
        if kernel in item.kernels and title in item.titles and symptom in item.symptoms and item.when(case)
    )
    return next(fitting, None)
