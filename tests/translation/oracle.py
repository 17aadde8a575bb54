"""Stage 1 translation a second time, for the tests to compare with: AArch64.S1Translate, one descriptor at a time.

Written to be checked against the architecture's pseudocode by reading: a function for each of its rules, nothing
remembered from one access to the next, nothing shared with the machine but the names of its features. Descriptors are
VMSAv8-64 ("Translation table descriptor formats") in memory of at most 48 bits; there is no stage 2, no VHE.

What the architecture leaves open is decided as this machine does: TxSZ out of range and a misprogrammed contiguous bit
are translation faults; a reserved granule is 4 KB; reserved MAIR attributes are Device-nGnRnE; reserved shareability
is none; a fetch from Device memory is a permission fault; access flag faults are for cache maintenance too; the access
flag is set by accesses without any fault only; SCR_EL3.SIF does not matter to EPAN.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, IntEnum, unique
from typing import NoReturn

import attrs

from aarch64.features import Feature

Reader = Callable[[int], int | None]
"""The 8 bytes at a physical address as a little-endian number; None where nothing answers."""

FINAL_LEVEL = 3
PHYSICAL_BITS = 48
MINIMUM_TXSZ = 16
EL0_NEEDS_TO_READ_FOR_IC = True
"""IMPLEMENTATION DEFINED: whether IC IVAU at EL0 is a permission fault where EL0 cannot read."""


@unique
class Status(IntEnum):
    """EncodeLDFSC: fault status codes; a level is added to all but `ALIGNMENT`."""

    ADDRESS_SIZE = 0b000000
    TRANSLATION = 0b000100
    ACCESS_FLAG = 0b001000
    PERMISSION = 0b001100
    EXTERNAL_ON_WALK = 0b010100
    ALIGNMENT = 0b100001


@unique
class Kind(Enum):
    """AccessDescriptor: what is done at the address."""

    READ = "a load"
    WRITE = "a store"
    ATOMIC = "a load and a store in one access"
    FETCH = "an instruction fetch"
    ZERO = "DC ZVA"
    INVALIDATE = "DC IVAC"
    CLEAN = "any other DC by address"
    IC = "IC IVAU"
    AT_READ = "AT S1E1R and others"
    AT_WRITE = "AT S1E1W and others"
    AT_READ_PAN = "AT S1E1RP"
    AT_WRITE_PAN = "AT S1E1WP"


READS = {Kind.READ, Kind.ATOMIC, Kind.AT_READ, Kind.AT_READ_PAN}
WRITES = {Kind.WRITE, Kind.ATOMIC, Kind.ZERO, Kind.AT_WRITE, Kind.AT_WRITE_PAN}
OBEYS_PAN = {Kind.READ, Kind.WRITE, Kind.ATOMIC, Kind.ZERO, Kind.AT_READ_PAN, Kind.AT_WRITE_PAN}
ADDRESS_TRANSLATION = {Kind.AT_READ, Kind.AT_WRITE, Kind.AT_READ_PAN, Kind.AT_WRITE_PAN}
MAINTENANCE = {Kind.INVALIDATE, Kind.CLEAN, Kind.IC}


@attrs.frozen
class Access:
    """One access to a 64-bit virtual address.

    `el` is the level whose permissions count, 0 to 3: that of the PE, of LDTR or of AT.
    """

    address: int = attrs.field(repr=hex)
    kind: Kind
    el: int
    is_aligned: bool = True

    @property
    def regime(self) -> int:
        """The level that controls translation: 1 for EL1&0."""
        return max(self.el, 1)


@attrs.frozen
class Setup:
    """What else matters: system registers by name, of all levels; features; PSTATE.PAN."""

    registers: Mapping[str, int]
    features: frozenset[Feature] = frozenset()
    pan: int = 0

    def has(self, feature: Feature) -> bool:
        """Whether the machine has the feature."""
        return feature in self.features

    def bit(self, register: str, number: int) -> bool:
        """One bit of a system register."""
        return is_set(self.registers[register], number)


@attrs.frozen
class Output:
    """A translation that succeeded.

    Attributes:
        physical: the physical address, of at most 48 bits.
        attributes: memory type and cacheability as in PAR_EL1.ATTR (EncodePARAttrs).
        shareability: as in PAR_EL1.SH (PAREncodeShareability).
        is_secure: whether the address is in the Secure physical address space.
        level: the level of the descriptor that maps it; None with stage 1 off.
        guarded: whether the page is guarded (FEAT_BTI).
        updates: the descriptors that hardware writes: physical address and new value.
    """

    physical: int = attrs.field(repr=hex)
    attributes: int = attrs.field(repr=hex)
    shareability: int
    is_secure: bool
    level: int | None = None
    guarded: bool = False
    updates: tuple[tuple[int, int], ...] = ()


@attrs.frozen
class Failure:
    """A translation that faulted: the 6-bit fault status code, and ESR_ELx.WnR should it become a data abort."""

    status: int = attrs.field(repr=hex)
    is_write: bool = False


class _Faulted(Exception):
    """Ends a translation."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure)
        self.failure = failure


def translate(read: Reader, setup: Setup, access: Access) -> Output | Failure:
    """AArch64.S1Translate: where one access goes, or how it faults."""
    try:
        return _translate(read, setup, access)
    except _Faulted as stop:
        return stop.failure


def _translate(read: Reader, setup: Setup, access: Access) -> Output:
    controls = controls_of(setup, access.regime, is_upper=is_set(access.address, 55))
    if not is_enabled(setup, access.regime):
        return untranslated(setup, controls, access)
    check_range(setup, controls, access)
    leaf = walk(read, controls, access)
    check_leaf(controls, leaf, access)
    attributes = decoded_attributes(setup, controls.mair >> 8 * field(leaf.descriptor, 4, 2) & 0xFF)
    check_alignment(access, attributes)
    check_permissions(setup, controls, leaf, access, attributes)
    seen = cached_attributes(setup, access, attributes)
    updated = updated_descriptor(controls, leaf, access)
    return Output(
        physical=leaf.output(access.address),
        attributes=seen,
        shareability=shareability(seen, field(leaf.descriptor, 9, 8)),
        is_secure=leaf.is_secure,
        level=leaf.level,
        guarded=setup.has(Feature.BTI) and is_set(leaf.descriptor, 50),
        updates=((leaf.entry, updated),) if updated != leaf.descriptor else (),
    )


# --- bits and faults


def field(value: int, high: int, low: int) -> int:
    """Bits `high` to `low` of a value."""
    return value >> low & ((1 << (high - low + 1)) - 1)


def is_set(value: int, number: int) -> bool:
    """Whether a bit of a value is one."""
    return bool(field(value, number, number))


def aligned(value: int, size: int) -> int:
    """A value with its lowest `size` bits cleared."""
    return value >> size << size


def fault(access: Access, status: Status, level: int = 0, *, is_write: bool | None = None) -> NoReturn:
    """End the translation."""
    if is_write is None:
        is_write = access.kind in WRITES - READS
    if access.kind in MAINTENANCE | ADDRESS_TRANSLATION:
        is_write = True  # ESR_ELx.WnR is 1 for all of these
    raise _Faulted(Failure(status + level, is_write))


# --- the controls


@attrs.frozen
class Controls:
    """S1TTWParams: what system registers say about one address range of a translation regime.

    `granule` is the number of bits of an offset in a page; `physical_bits` is TCR_ELx.IPS or PS, decoded.
    """

    has_el0: bool
    is_secure: bool
    granule: int
    txsz: int
    ttbr: int
    physical_bits: int
    mair: int
    tbi: bool
    tbid: bool
    hpd: bool
    ha: bool
    hd: bool
    wxn: bool
    sif: bool
    epan: bool = False
    epd: bool = False
    e0pd: bool = False

    @property
    def input_size(self) -> int:
        """AArch64.IASize: the bits of an input address."""
        return 64 - self.txsz

    @property
    def stride(self) -> int:
        """The bits of an input address that one level resolves: descriptors have 8 bytes."""
        return self.granule - 3

    def offset_bits(self, level: int) -> int:
        """TranslationSize: the bits of an input address below those that a level resolves."""
        return self.granule + self.stride * (FINAL_LEVEL - level)


@attrs.frozen
class _Range:
    """The lowest bits of the fields of TCR_EL1 that each range has its own of."""

    txsz: int
    epd: int
    granule: int
    tbi: int
    hpd: int
    tbid: int
    e0pd: int


_LOWER = _Range(txsz=0, epd=7, granule=14, tbi=37, hpd=41, tbid=51, e0pd=55)
_UPPER = _Range(txsz=16, epd=23, granule=30, tbi=38, hpd=42, tbid=52, e0pd=56)
_TG0 = {0b00: 12, 0b01: 16, 0b10: 14, 0b11: 12}
_TG1 = {0b00: 12, 0b01: 14, 0b10: 12, 0b11: 16}
_SIZES = {0b000: 32, 0b001: 36, 0b010: 40, 0b011: 42, 0b100: 44, 0b101: 48, 0b110: 48, 0b111: 48}
_SCTLR_M, _SCTLR_C, _SCTLR_I, _SCTLR_WXN, _SCTLR_EPAN = 0, 2, 12, 19, 57
_SCR_NS, _SCR_SIF, _SCR_EEL2 = 0, 9, 18
_HCR_DC, _HCR_TGE = 12, 27


def controls_of(setup: Setup, regime: int, *, is_upper: bool) -> Controls:
    """AArch64.GetS1TTWParams; bit 55 of the address chooses the range where there are two."""
    return el1_controls(setup, is_upper=is_upper) if regime == 1 else el2_or_el3_controls(setup, regime)


def el1_controls(setup: Setup, *, is_upper: bool) -> Controls:
    """AArch64.S1TTWParamsEL10, and AArch64.S1EPD."""
    tcr = setup.registers["TCR_EL1"]
    at = _UPPER if is_upper else _LOWER
    granule = field(tcr, at.granule + 1, at.granule)
    return Controls(
        has_el0=True,
        is_secure=is_secure(setup, 1),
        granule=_TG1[granule] if is_upper else _TG0[granule],
        txsz=field(tcr, at.txsz + 5, at.txsz),
        ttbr=setup.registers["TTBR1_EL1" if is_upper else "TTBR0_EL1"],
        physical_bits=_SIZES[field(tcr, 34, 32)],
        mair=setup.registers["MAIR_EL1"],
        tbi=is_set(tcr, at.tbi),
        tbid=is_set(tcr, at.tbid) and setup.has(Feature.PAUTH),
        hpd=is_set(tcr, at.hpd) and setup.has(Feature.HPDS),
        ha=is_set(tcr, 39) and setup.has(Feature.HAFDBS),
        hd=is_set(tcr, 40) and setup.has(Feature.HAFDBS),
        wxn=setup.bit("SCTLR_EL1", _SCTLR_WXN),
        sif=setup.bit("SCR_EL3", _SCR_SIF),
        epan=setup.bit("SCTLR_EL1", _SCTLR_EPAN) and setup.has(Feature.PAN3),
        epd=is_set(tcr, at.epd),
        e0pd=is_set(tcr, at.e0pd) and setup.has(Feature.E0PD),
    )


def el2_or_el3_controls(setup: Setup, regime: int) -> Controls:
    """AArch64.S1TTWParamsEL2 and AArch64.S1TTWParamsEL3, which have the same fields."""
    tcr = setup.registers[f"TCR_EL{regime}"]
    return Controls(
        has_el0=False,
        is_secure=is_secure(setup, regime),
        granule=_TG0[field(tcr, 15, 14)],
        txsz=field(tcr, 5, 0),
        ttbr=setup.registers[f"TTBR0_EL{regime}"],
        physical_bits=_SIZES[field(tcr, 18, 16)],
        mair=setup.registers[f"MAIR_EL{regime}"],
        tbi=is_set(tcr, 20),
        tbid=is_set(tcr, 29) and setup.has(Feature.PAUTH),
        hpd=is_set(tcr, 24) and setup.has(Feature.HPDS),
        ha=is_set(tcr, 21) and setup.has(Feature.HAFDBS),
        hd=is_set(tcr, 22) and setup.has(Feature.HAFDBS),
        wxn=setup.bit(f"SCTLR_EL{regime}", _SCTLR_WXN),
        sif=setup.bit("SCR_EL3", _SCR_SIF),
    )


def is_secure(setup: Setup, el: int) -> bool:
    """SecurityStateAtEL."""
    return el == 3 or not setup.bit("SCR_EL3", _SCR_NS)


def is_el2_enabled(setup: Setup) -> bool:
    """EL2Enabled."""
    is_secure_el2_enabled = setup.has(Feature.SEL2) and setup.bit("SCR_EL3", _SCR_EEL2)
    return setup.bit("SCR_EL3", _SCR_NS) or is_secure_el2_enabled


def is_enabled(setup: Setup, regime: int) -> bool:
    """AArch64.S1Enabled."""
    if regime == 1 and is_el2_enabled(setup) and (setup.bit("HCR_EL2", _HCR_DC) or setup.bit("HCR_EL2", _HCR_TGE)):
        return False
    return setup.bit(f"SCTLR_EL{regime}", _SCTLR_M)


# --- the address


def top_bit(controls: Controls, access: Access) -> int:
    """AArch64.AddrTop: the highest bit of an address that counts."""
    if controls.tbid and access.kind is Kind.FETCH:
        return 63
    return 55 if controls.tbi else 63


def untranslated(setup: Setup, controls: Controls, access: Access) -> Output:
    """AArch64.S1DisabledOutput."""
    if field(access.address, top_bit(controls, access), PHYSICAL_BITS):
        fault(access, Status.ADDRESS_SIZE)
    if access.regime == 1 and is_el2_enabled(setup) and setup.bit("HCR_EL2", _HCR_DC):
        attributes, requested = 0xFF, 0b00
    elif access.kind is Kind.FETCH:
        is_cached = setup.bit(f"SCTLR_EL{access.regime}", _SCTLR_I)
        attributes, requested = (0xAA if is_cached else 0x44), 0b10
    else:
        attributes, requested = 0x00, 0b10
    check_alignment(access, attributes)
    physical = field(access.address, PHYSICAL_BITS - 1, 0)
    return Output(physical, attributes, shareability(attributes, requested), is_secure(setup, access.regime))


def check_range(setup: Setup, controls: Controls, access: Access) -> None:
    """The translation faults of level 0 that no descriptor causes."""
    if not MINIMUM_TXSZ <= controls.txsz <= maximum_txsz(setup, controls):
        fault(access, Status.TRANSLATION)
    if is_out_of_range(controls, access):
        fault(access, Status.TRANSLATION)
    if access.el == 0 and controls.e0pd:
        fault(access, Status.TRANSLATION)
    if controls.epd:
        fault(access, Status.TRANSLATION)


def maximum_txsz(setup: Setup, controls: Controls) -> int:
    """AArch64.MaxTxSZ."""
    if not setup.has(Feature.TTST):
        return 39
    return 47 if controls.granule == 16 else 48


def is_out_of_range(controls: Controls, access: Access) -> bool:
    """AArch64.VAIsOutOfRange: all bits above the input address must be as bit 55, or zero where there is one range."""
    high, low = top_bit(controls, access), controls.input_size
    above = field(access.address, high, low)
    is_upper = controls.has_el0 and is_set(access.address, 55)
    return above != (field(-1, high, low) if is_upper else 0)


# --- the walk


@attrs.frozen
class Table:
    """TTWState while it is that of a table: where it is, and what the levels above it took away."""

    base: int
    is_secure: bool
    ap: int = 0
    xn: bool = False
    pxn: bool = False


@attrs.frozen
class Leaf:
    """A block or page descriptor, and the state in which it was found."""

    entry: int
    descriptor: int
    level: int
    table: Table
    is_secure: bool
    offset_bits: int

    def output(self, address: int) -> int:
        """StageOA: the physical address."""
        return aligned(field(self.descriptor, 47, 0), self.offset_bits) | field(address, self.offset_bits - 1, 0)


def walk(read: Reader, controls: Controls, access: Access) -> Leaf:
    """AArch64.S1Walk, as far as the descriptor that maps the address."""
    level = start_level(controls)
    table = initial_table(controls, level)
    base_came_from_level = 0
    while True:
        entry = table.base | 8 * table_index(controls, level, access.address)
        if entry >> controls.physical_bits:
            fault(access, Status.ADDRESS_SIZE, base_came_from_level)
        descriptor = read(entry)
        if descriptor is None:
            fault(access, Status.EXTERNAL_ON_WALK, level)
        if is_table(descriptor, level):
            table = next_table(controls, table, descriptor)
            base_came_from_level = level
            level += 1
        elif is_leaf(controls, descriptor, level):
            return found(controls, table, entry, descriptor, level)
        else:
            fault(access, Status.TRANSLATION, level)


def start_level(controls: Controls) -> int:
    """AArch64.S1StartLevel: the first level there are bits for, the last one resolving the bits above an offset."""
    return FINAL_LEVEL - (controls.input_size - 1 - controls.granule) // controls.stride


def initial_table(controls: Controls, level: int) -> Table:
    """AArch64.S1TTBaseAddress: the table that TTBR points to is as large as it must be, and aligned to its size."""
    size = controls.input_size - controls.offset_bits(level) + 3
    return Table(base=aligned(field(controls.ttbr, 47, 1) << 1, size), is_secure=controls.is_secure)


def table_index(controls: Controls, level: int, address: int) -> int:
    """AArch64.TTEntryAddress: the number of the entry in a table of a level."""
    low = controls.offset_bits(level)
    high = min(low + controls.stride, controls.input_size) - 1
    return field(address, high, low)


def is_table(descriptor: int, level: int) -> bool:
    """AArch64.DecodeDescriptorType: bits [1:0] are 0b11, not at the last level."""
    return field(descriptor, 1, 0) == 0b11 and level < FINAL_LEVEL


def is_leaf(controls: Controls, descriptor: int, level: int) -> bool:
    """AArch64.DecodeDescriptorType: a page at the last level, a block (0b01) where the granule has them."""
    if level == FINAL_LEVEL:
        return field(descriptor, 1, 0) == 0b11
    levels_of_blocks = (1, 2) if controls.granule == 12 else (2,)
    return field(descriptor, 1, 0) == 0b01 and level in levels_of_blocks


def next_table(controls: Controls, table: Table, descriptor: int) -> Table:
    """AArch64.S1NextWalkStateTable: NSTable, APTable, XNTable and PXNTable take away, and give nothing back."""
    base = aligned(field(descriptor, 47, 0), controls.granule)
    secure = table.is_secure and not is_set(descriptor, 63)
    if controls.hpd:
        return Table(base, secure, table.ap, table.xn, table.pxn)
    ap = field(descriptor, 62, 61) if controls.has_el0 else field(descriptor, 62, 62) << 1
    pxn = controls.has_el0 and is_set(descriptor, 59)
    return Table(base, secure, table.ap | ap, table.xn or is_set(descriptor, 60), table.pxn or pxn)


def found(controls: Controls, table: Table, entry: int, descriptor: int, level: int) -> Leaf:
    """AArch64.S1NextWalkStateLeaf."""
    secure = table.is_secure and not is_set(descriptor, 5)
    contiguous = contiguous_bits(controls, level) if is_set(descriptor, 52) else 0
    return Leaf(entry, descriptor, level, table, secure, controls.offset_bits(level) + contiguous)


def contiguous_bits(controls: Controls, level: int) -> int:
    """ContiguousSize: the number of entries in a group, as a power of two."""
    if controls.granule == 14:
        return 5 if level == 2 else 7
    return 4 if controls.granule == 12 else 5


def check_leaf(controls: Controls, leaf: Leaf, access: Access) -> None:
    """The faults of the descriptor itself, in the order in which AArch64.S1Walk has them."""
    if leaf.offset_bits > controls.input_size:  # AArch64.ContiguousBitFaults
        fault(access, Status.TRANSLATION, leaf.level)
    if leaf.output(access.address) >> controls.physical_bits:  # AArch64.OAOutOfRange
        fault(access, Status.ADDRESS_SIZE, leaf.level)
    if not is_set(leaf.descriptor, 10) and not controls.ha:
        fault(access, Status.ACCESS_FLAG, leaf.level)


def updated_descriptor(controls: Controls, leaf: Leaf, access: Access) -> int:
    """What an access without a fault makes of the descriptor: the access flag is set, AP[2] is cleared."""
    descriptor = leaf.descriptor
    if controls.ha:
        descriptor |= 1 << 10
    if is_dirty_managed(controls, leaf) and access.kind in WRITES - ADDRESS_TRANSLATION:
        descriptor &= ~(1 << 7)
    return descriptor


def is_dirty_managed(controls: Controls, leaf: Leaf) -> bool:
    """Whether hardware keeps the dirty state of the page: AP[2] then says clean, not read-only."""
    return controls.ha and controls.hd and is_set(leaf.descriptor, 51)


# --- the memory


def decoded_attributes(setup: Setup, attr: int) -> int:
    """S1DecodeMemAttrs: a MAIR_ELx attribute, the reserved ones made Device-nGnRnE."""
    has_xs = setup.has(Feature.XS)
    outer, inner = field(attr, 7, 4), field(attr, 3, 0)
    if outer == 0:
        is_reserved = not (inner & 0b11 == 0b00 or (inner & 0b11 == 0b01 and has_xs))
    elif attr in (0x40, 0xA0):
        is_reserved = not has_xs
    else:
        is_reserved = inner == 0
    return 0x00 if is_reserved else attr


def is_device(attributes: int) -> bool:
    """Whether decoded attributes are of Device memory, of whatever kind."""
    return field(attributes, 7, 4) == 0


def is_write_back(half: int) -> bool:
    """DecodeLDFAttr: bit 2 says Write-Back, but 0b0100 is Non-cacheable."""
    return is_set(half, 2) and half != 0b0100


def cached_attributes(setup: Setup, access: Access, attributes: int) -> int:
    """Normal memory is Non-cacheable to what goes past its cache; its XS attribute stays, and is reported with it.

    The encoding without XS is that of a MAIR_ELx attribute, and reserved like that on a machine without FEAT_XS.
    """
    cache = _SCTLR_I if access.kind is Kind.FETCH else _SCTLR_C
    if is_device(attributes) or setup.bit(f"SCTLR_EL{access.regime}", cache):
        return attributes
    is_all_write_back = is_write_back(field(attributes, 7, 4)) and is_write_back(field(attributes, 3, 0))
    is_without_xs = is_all_write_back or attributes in (0x40, 0xA0)
    return 0x40 if is_without_xs and setup.has(Feature.XS) else 0x44


def shareability(attributes: int, requested: int) -> int:
    """PAREncodeShareability: Device and Non-cacheable memory are Outer Shareable."""
    if is_device(attributes) or attributes in (0x40, 0x44):
        return 0b10
    return 0b00 if requested == 0b01 else requested


def check_alignment(access: Access, attributes: int) -> None:
    """AArch64.S1HasAlignmentFault."""
    if access.kind is Kind.FETCH or not is_device(attributes):
        return
    if access.kind is Kind.ZERO or not access.is_aligned:
        fault(access, Status.ALIGNMENT)


# --- the permissions


@attrs.frozen
class Permissions:
    """S1AccessControls: what may be done."""

    read: bool
    write: bool
    execute: bool


def check_permissions(setup: Setup, controls: Controls, leaf: Leaf, access: Access, attributes: int) -> None:
    """AArch64.S1CheckPermissions."""
    allowed = permissions(setup, controls, leaf, access)
    if access.kind is Kind.FETCH:
        is_allowed = allowed.execute and not is_device(attributes)
    elif access.kind is Kind.INVALIDATE:
        is_allowed = allowed.write
    elif access.kind is Kind.CLEAN:
        is_allowed = allowed.read or access.el != 0
    elif access.kind is Kind.IC:
        is_allowed = allowed.read or access.el != 0 or not EL0_NEEDS_TO_READ_FOR_IC
    elif access.kind in READS and not allowed.read:
        fault(access, Status.PERMISSION, leaf.level, is_write=False)
    elif access.kind in WRITES and not allowed.write:
        fault(access, Status.PERMISSION, leaf.level, is_write=True)
    else:
        is_allowed = True
    if not is_allowed:
        fault(access, Status.PERMISSION, leaf.level)


def permissions(setup: Setup, controls: Controls, leaf: Leaf, access: Access) -> Permissions:
    """AArch64.S1DirectBasePermissions and AArch64.S1ComputePermissions."""
    if not controls.has_el0:
        allowed = only_privileged(controls, leaf)
    elif access.el == 0:
        allowed = unprivileged(controls, leaf)
    else:
        allowed = privileged(setup, controls, leaf, access)
    execute = allowed.execute
    if controls.wxn and allowed.write:
        execute = False
    if controls.is_secure and not leaf.is_secure and controls.sif:
        execute = False
    return attrs.evolve(allowed, execute=execute)


def is_read_only(controls: Controls, leaf: Leaf) -> bool:
    """AP[2] of the descriptor, unless it stands for clean, or of a table above."""
    ap2 = is_set(leaf.descriptor, 7) and not is_dirty_managed(controls, leaf)
    return ap2 or is_set(leaf.table.ap, 1)


def only_privileged(controls: Controls, leaf: Leaf) -> Permissions:
    """At EL2 and EL3: AP[2] and XN."""
    execute = not (is_set(leaf.descriptor, 54) or leaf.table.xn)
    return Permissions(read=True, write=not is_read_only(controls, leaf), execute=execute)


def unprivileged(controls: Controls, leaf: Leaf) -> Permissions:
    """At EL0: AP[1] lets it in, APTable[0] keeps it out; UXN."""
    read = is_set(leaf.descriptor, 6) and not is_set(leaf.table.ap, 0)
    execute = not (is_set(leaf.descriptor, 54) or leaf.table.xn)
    return Permissions(read=read, write=read and not is_read_only(controls, leaf), execute=execute)


def privileged(setup: Setup, controls: Controls, leaf: Leaf, access: Access) -> Permissions:
    """At EL1: AP[2]; PXN, which what EL0 may write has too; PSTATE.PAN, where EL0 may read, or, by EPAN, execute."""
    at_el0 = unprivileged(controls, leaf)
    execute = not (is_set(leaf.descriptor, 53) or leaf.table.pxn or at_el0.write)
    read, write = True, not is_read_only(controls, leaf)
    if setup.has(Feature.PAN) and setup.pan and access.kind in OBEYS_PAN:
        is_for_el0 = at_el0.read or at_el0.write or (controls.epan and at_el0.execute)
        read, write = read and not is_for_el0, write and not is_for_el0
    return Permissions(read, write, execute)
