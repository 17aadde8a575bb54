"""System operations: what SYS does, by encoding ("A64 System instructions").

One table of records. There are no caches and no predictors to maintain, so what is left of their operations is who may
execute them, who is trapped, and the faults of the address. The TLB is there: TLBI and AT do all they say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import attrs

from aarch64.access import check_maintenance, zero_block
from aarch64.exceptions import system_register_iss, trapped_system_register
from aarch64.features import Feature
from aarch64.sysregs.fields import HCR_TDZ, SCTLR_DZE
from aarch64.sysregs.record import bits
from aarch64.sysregs.traps import TIDCP, On, Trap, trapping_level
from aarch64.translation.invalidate import invalidation
from aarch64.translation.parameters import Regime
from aarch64.translation.question import ask
from aarch64.translation.request import Purpose, Request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from aarch64.bits import Bits
    from aarch64.cpu import Cpu

Encoding = tuple[int, int, int, int]
"""op1, CRn, CRm, op2."""

Action = Callable[["Cpu", "Bits"], None]
"""What an operation does with the value of its register."""

LOWEST_LEVEL = {0: 1, 1: 1, 3: 0, 4: 2, 6: 3}
"""The lowest exception level that op1 lets execute an operation."""

ZERO_BLOCK = 64
"""Bytes that DC ZVA zeroes: DCZID_EL0.BS is 4."""


@attrs.frozen
class Operation:
    """One operation of SYS.

    Attributes:
        mnemonic, name: as in `tlbi vae1is`.
        encoding: op1, CRn, CRm, op2.
        takes_register: whether it uses Xt, which is then written.
        features: what brings it; without all of them it is UNDEFINED.
        traps: the controls that trap it, ordered by target level.
        needs_el2: UNDEFINED at EL3 while EL2 is disabled in Secure state.
        action: what it does; None for nothing.
    """

    mnemonic: str
    name: str
    encoding: Encoding
    takes_register: bool = True
    features: frozenset[Feature] = frozenset()
    traps: tuple[Trap, ...] = ()
    needs_el2: bool = False
    action: Action | None = None

    def exists(self, cpu: Cpu) -> bool:
        """Whether the current level of this machine has the operation."""
        el = cpu.pstate.el
        if el < LOWEST_LEVEL[self.encoding[0]] or not self.features <= cpu.features:
            return False
        return not (self.needs_el2 and el == 3 and not cpu.el2_enabled)


# --- actions


def maintain(purpose: Purpose) -> Action:
    """Cache maintenance by address: there are no caches, so what is left is the faults of translation."""

    def action(cpu: Cpu, address: Bits) -> None:
        check_maintenance(cpu, address, purpose)

    return action


def zero(cpu: Cpu, address: Bits) -> None:
    """DC ZVA."""
    zero_block(cpu, address, ZERO_BLOCK)


def translate_as(regime: Regime, el: int, *, writes: bool, heeds_pan: bool = False) -> Action:
    """AT: translate an address as an access by level 0 to 3 would be; the result is in PAR_EL1."""
    request = Request(Purpose.QUESTION, el, reads=not writes, writes=writes, heeds_pan=heeds_pan)

    def action(cpu: Cpu, address: Bits) -> None:
        cpu.sysregs["PAR_EL1"] = ask(cpu, address, regime, request)

    return action


# --- the controls


def _el0_needs(sctlr: int) -> Trap:
    return Trap("SCTLR_EL1", sctlr, to=1, by=(0,), enables=True)


def _hcr(mask: int, by: tuple[int, ...] = (1,)) -> Trap:
    return Trap("HCR_EL2", mask, to=2, by=by)


UCI = _el0_needs(bits(26))
DZE = _el0_needs(SCTLR_DZE)
EN_RCTX = _el0_needs(bits(10))
TSW = _hcr(bits(22))
TPCP = _hcr(bits(23), by=(0, 1))
TPU = _hcr(bits(24), by=(0, 1))
TTLB = _hcr(bits(25))
TDZ = _hcr(HCR_TDZ, by=(0, 1))


# --- the table


def _features(*features: Feature | None) -> frozenset[Feature]:
    return frozenset(feature for feature in features if feature)


def _instruction_cache() -> Iterator[Operation]:
    yield Operation("ic", "ialluis", (0, 7, 1, 0), takes_register=False, traps=(TPU,))
    yield Operation("ic", "iallu", (0, 7, 5, 0), takes_register=False, traps=(TPU,))
    yield Operation("ic", "ivau", (3, 7, 5, 1), traps=(UCI, TPU), action=maintain(Purpose.FETCH_MAINTENANCE))


def _data_cache() -> Iterator[Operation]:
    clean = maintain(Purpose.CLEAN)
    yield Operation("dc", "ivac", (0, 7, 6, 1), traps=(TPCP,), action=maintain(Purpose.INVALIDATE))
    for crm, name in ((6, "isw"), (10, "csw"), (14, "cisw")):
        yield Operation("dc", name, (0, 7, crm, 2), traps=(TSW,))
    yield Operation("dc", "zva", (3, 7, 4, 1), traps=(DZE, TDZ), action=zero)
    yield Operation("dc", "cvau", (3, 7, 11, 1), traps=(UCI, TPU), action=clean)
    by_address = ((10, "cvac", None), (12, "cvap", Feature.DPB), (13, "cvadp", Feature.DPB2), (14, "civac", None))
    for crm, name, feature in by_address:
        traps = (UCI, TPCP)
        yield Operation("dc", name, (3, 7, crm, 1), features=_features(feature), traps=traps, action=clean)


def _tag_cache() -> Iterator[Operation]:
    """The operations on allocation tags, for their names: no machine has FEAT_MTE."""
    names = {
        (0, 6): {3: "igvac", 4: "igsw", 5: "igdvac", 6: "igdsw"},
        (0, 10): {4: "cgsw", 6: "cgdsw"},
        (0, 14): {4: "cigsw", 6: "cigdsw"},
        (3, 4): {3: "gva", 4: "gzva"},
        (3, 10): {3: "cgvac", 5: "cgdvac"},
        (3, 12): {3: "cgvap", 5: "cgdvap"},
        (3, 13): {3: "cgvadp", 5: "cgdvadp"},
        (3, 14): {3: "cigvac", 5: "cigdvac"},
    }
    for (op1, crm), row in names.items():
        for op2, name in row.items():
            yield Operation("dc", name, (op1, 7, crm, op2), features=_features(Feature.MTE))


def _questions(
    prefix: str, encoding: Encoding, regime: Regime, levels: Iterable[int], **facts: Any
) -> Iterator[Operation]:
    """AT for each level, by reading and by writing; encodings count from the one given."""
    op1, crn, crm, op2 = encoding
    for el in levels:
        for letter in "rw":
            action = translate_as(regime, el, writes=letter == "w")
            yield Operation("at", f"{prefix}e{el}{letter}", (op1, crn, crm, op2), action=action, **facts)
            op2 += 1


def _address_translation() -> Iterator[Operation]:
    yield from _questions("s1", (0, 7, 8, 0), Regime.EL10, (1, 0))
    for op2, letter in enumerate("rw"):
        action = translate_as(Regime.EL10, 1, writes=letter == "w", heeds_pan=True)
        features = _features(Feature.PAN2)
        yield Operation("at", f"s1e1{letter}p", (0, 7, 9, op2), features=features, action=action)
    yield from _questions("s1", (4, 7, 8, 0), Regime.EL2, (2,), needs_el2=True)
    # There is no stage 2, so that the operations on both stages find what those on stage 1 do.
    yield from _questions("s12", (4, 7, 8, 4), Regime.EL10, (1, 0))
    yield from _questions("s1", (6, 7, 8, 0), Regime.EL3, (3,))


def _prediction_restriction() -> Iterator[Operation]:
    for op2, mnemonic in ((4, "cfp"), (5, "dvp"), (7, "cpp")):
        features = _features(Feature.SPECRES)
        yield Operation(mnemonic, "rctx", (3, 7, 3, op2), features=features, traps=(EN_RCTX,))


def _branch_records() -> Iterator[Operation]:
    """For their names, as no machine has FEAT_BRBE."""
    for op2, name in ((4, "iall"), (5, "inj")):
        yield Operation("brb", name, (1, 7, 2, op2), takes_register=False, features=_features(Feature.BRBE))


@attrs.frozen
class _Scope:
    """Where TLB maintenance is seen: the suffix, CRm for one entry and for a range, and for the entries of stage 2."""

    suffix: str
    crm: int
    range_crm: int
    feature: Feature | None = None


_SCOPES = (
    _Scope("", crm=7, range_crm=6),
    _Scope("is", crm=3, range_crm=2),
    _Scope("os", crm=1, range_crm=5, feature=Feature.TLBIOS),
)

_TLBI = {
    0: {0: "vmalle1", 1: "vae1", 2: "aside1", 3: "vaae1", 5: "vale1", 7: "vaale1"},
    4: {0: "alle2", 1: "vae2", 4: "alle1", 5: "vale2", 6: "vmalls12e1"},
    6: {0: "alle3", 1: "vae3", 5: "vale3"},
}
"""TLB maintenance by op1 and op2."""
_TLBI_RANGE = {
    0: {1: "rvae1", 3: "rvaae1", 5: "rvale1", 7: "rvaale1"},
    4: {1: "rvae2", 5: "rvale2"},
    6: {1: "rvae3", 5: "rvale3"},
}
_TLBI_STAGE2 = {
    (0, 1): "ipas2e1is",
    (0, 2): "ripas2e1is",
    (0, 5): "ipas2le1is",
    (0, 6): "ripas2le1is",
    (4, 0): "ipas2e1os",
    (4, 1): "ipas2e1",
    (4, 2): "ripas2e1",
    (4, 3): "ripas2e1os",
    (4, 4): "ipas2le1os",
    (4, 5): "ipas2le1",
    (4, 6): "ripas2le1",
    (4, 7): "ripas2le1os",
}
"""Likewise of stage 2, all with op1 4, by CRm and op2."""
_TLBI_GRANULES = {(1, 4): "paallos", (7, 4): "paall", (4, 3): "rpaos", (4, 7): "rpalos"}
"""Of granule protection, all with op1 6; for their names, as no machine has FEAT_RME."""


def _tlbi(name: str, encoding: Encoding, *features: Feature | None) -> Iterator[Operation]:
    """A TLB operation, and the one that does not wait for accesses with the XS attribute: one CRn further on."""
    op1, crn, crm, op2 = encoding
    operation = Operation(
        "tlbi",
        name,
        encoding,
        action=invalidation(name),
        takes_register="all" not in name,
        features=_features(*features),
        traps=(TTLB,) if op1 == 0 else (),
        needs_el2="e2" in name,
    )
    yield operation
    yield attrs.evolve(
        operation,
        name=f"{name}nxs",
        encoding=(op1, crn + 1, crm, op2),
        features=operation.features | {Feature.XS},
    )


def _tlb() -> Iterator[Operation]:
    for scope in _SCOPES:
        for op1, row in _TLBI.items():
            for op2, name in row.items():
                yield from _tlbi(name + scope.suffix, (op1, 8, scope.crm, op2), scope.feature)
        for op1, row in _TLBI_RANGE.items():
            for op2, name in row.items():
                yield from _tlbi(name + scope.suffix, (op1, 8, scope.range_crm, op2), Feature.TLBIRANGE)
    for (crm, op2), name in _TLBI_STAGE2.items():
        feature = Feature.TLBIRANGE if name[0] == "r" else Feature.TLBIOS if name.endswith("os") else None
        yield from _tlbi(name, (4, 8, crm, op2), feature)
    for (crm, op2), name in _TLBI_GRANULES.items():
        yield from _tlbi(name, (6, 8, crm, op2), Feature.RME)


def _by_encoding(*sections: Iterator[Operation]) -> Mapping[Encoding, Operation]:
    return MappingProxyType({operation.encoding: operation for section in sections for operation in section})


OPERATIONS = _by_encoding(
    _instruction_cache(),
    _data_cache(),
    _tag_cache(),
    _address_translation(),
    _prediction_restriction(),
    _branch_records(),
    _tlb(),
)

_IMPLEMENTATION_DEFINED = (11, 15)
"""Values of CRn left to implementations, which HCR_EL2.TIDCP traps even where there is nothing."""


def execute(cpu: Cpu, encoding: Encoding, rt: int, *, is_read: bool) -> None:
    """SYS, or SYSL when `is_read`: check that the operation may be executed here, and do it.

    Raises:
        ArchException: it is UNDEFINED here, trapped, or faults.
    """
    operation = None if is_read else OPERATIONS.get(encoding)
    if operation is None or not operation.exists(cpu):
        if encoding[1] in _IMPLEMENTATION_DEFINED:
            _check_traps(cpu, (TIDCP,), encoding, rt, is_read=is_read)
        cpu.undefined()
    _check_traps(cpu, operation.traps, encoding, rt, is_read=is_read)
    if operation.action:
        operation.action(cpu, cpu.x(rt))


def _check_traps(cpu: Cpu, traps: tuple[Trap, ...], encoding: Encoding, rt: int, *, is_read: bool) -> None:
    target = trapping_level(cpu, traps, On.READ if is_read else On.WRITE)
    if target is not None:
        iss = system_register_iss(1, *encoding, rt, is_read=is_read)
        cpu.raise_exception(trapped_system_register(iss, target))
