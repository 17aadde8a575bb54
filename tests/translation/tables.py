"""Translation tables to try, as Hypothesis strategies: what a careless operating system might leave in memory.

A `Tables` is one translation regime set up: system registers, descriptors, and the virtual addresses worth asking for.
It is drawn as a few paths from the root, each with the descriptors on the way; most lead to RAM, some end early, leave
memory, contradict one another, or are not as the architecture wants them. Draws shrink to one path through well-formed
descriptors that maps RAM.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs
from hypothesis import strategies as st

from aarch64.features import DEFAULT_FEATURES, Feature

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

RAM = 0x4000_0000
RAM_SIZE = 1 << 20
DATA = RAM + RAM_SIZE // 2
"""The half of RAM that pages are; tables are in the other one."""
NOWHERE = 0x8000_0000
"""A physical address that nothing answers."""
TOO_LARGE = (1 << 32, 1 << 36, 1 << 40, 1 << 42, 1 << 44, 1 << 47)
"""Physical addresses just beyond each output size."""

OPTIONAL = (
    Feature.PAN3,
    Feature.HAFDBS,
    Feature.TTST,
    Feature.HPDS,
    Feature.E0PD,
    Feature.XS,
    Feature.BTI,
    Feature.PAUTH,
)
"""Features that change translation and that a machine may lack alone."""
_NEEDS_PAUTH = {Feature.PAUTH2, Feature.FPAC}

ATTRIBUTES = tuple(bytes.fromhex("ff 00 44 04 bb aa 4f f4 77 88 40 a0 f0 01 05 0c 02 30"))
"""MAIR_ELx attributes of every kind, Normal Write-Back first; the last ones are reserved, some without FEAT_XS."""

_GRANULES = (12, 14, 16)
_TG = {0: {12: 0b00, 16: 0b01, 14: 0b10}, 1: {12: 0b10, 14: 0b01, 16: 0b11}}
_RESERVED_TG = {0: 0b11, 1: 0b00}
_SCTLR_M, _SCTLR_ALWAYS = 1, 1 << 14 | 1 << 15 | 1 << 26  # DZE, UCT, UCI: nothing is trapped at EL0
_SCTLR_OPTIONS = (1 << 2, 1 << 12, 1 << 19, 1 << 57)  # C, I, WXN, EPAN
_SCR_RW, _SCR_NS, _SCR_SIF, _SCR_EEL2 = 1 << 10, 1 << 0, 1 << 9, 1 << 18
_HCR_RW, HCR_TGE = 1 << 31, 1 << 27


def _in_hex(values: Mapping[int, int]) -> str:
    return "{" + ", ".join(f"{key:#x}: {value:#x}" for key, value in values.items()) + "}"


def _named_in_hex(values: Mapping[str, int]) -> str:
    return "{" + ", ".join(f"{key!r}: {value:#x}" for key, value in values.items()) + "}"


def _all_in_hex(values: Iterable[int]) -> str:
    return "(" + ", ".join(f"{value:#x}" for value in values) + ",)"


@attrs.frozen
class Tables:
    """A translation regime set up.

    Attributes:
        regime: the level that controls it, 1 to 3.
        registers: system registers by name: what `regime` uses, SCR_EL3 and HCR_EL2.
        descriptors: what is in memory, by physical address.
        addresses: virtual addresses on the edges of what is mapped.
    """

    regime: int
    registers: dict[str, int] = attrs.field(repr=_named_in_hex)
    descriptors: dict[int, int] = attrs.field(repr=_in_hex)
    addresses: tuple[int, ...] = attrs.field(repr=_all_in_hex)

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """For Hypothesis, which would write its numbers in decimal."""
        printer.text(repr(self))


def chance(one_in: int) -> st.SearchStrategy[bool]:
    """True about once in so many draws; shrinks to False."""
    return st.integers(0, one_in - 1).map(lambda number: number == one_in - 1)


@st.composite
def bits(draw: st.DrawFn, rarity: int, *masks: int) -> int:
    """A combination of masks, each of them there once in 2^rarity draws; shrinks to 0."""
    chosen = (1 << len(masks)) - 1
    for _ in range(rarity):
        chosen &= draw(st.integers(0, (1 << len(masks)) - 1))
    return sum(mask for number, mask in enumerate(masks) if chosen >> number & 1)


@st.composite
def feature_sets(draw: st.DrawFn) -> frozenset[Feature]:
    """What the machine has: mostly everything."""
    if not draw(chance(2)):
        return DEFAULT_FEATURES
    missing = set(draw(st.lists(st.sampled_from(OPTIONAL), unique=True, max_size=3)))
    if Feature.PAUTH in missing:
        missing |= _NEEDS_PAUTH
    return DEFAULT_FEATURES - missing


# --- descriptors

ACCESS_FLAG, DBM, CONTIGUOUS = 1 << 10, 1 << 51, 1 << 52


def contiguous_bits(granule: int, level: int) -> int:
    """How many entries a contiguous group has, as a power of two ("The Contiguous bit")."""
    return {12: 4, 14: 5 if level == 2 else 7, 16: 5}[granule]


@st.composite
def leaf_attributes(draw: st.DrawFn) -> int:
    """The upper and lower attributes of a block or page: "Stage 1 VMSAv8-64 Block and Page descriptors"."""
    often = draw(bits(1, 1 << 6, 1 << 7, DBM))  # AP
    sometimes = draw(bits(2, 1 << 5, 1 << 11, 1 << 50, 1 << 53, 1 << 54))  # NS, nG, GP, PXN, UXN
    ignored = draw(bits(3, 1 << 16, 1 << 55, 1 << 58, 1 << 59, 1 << 62, 1 << 63))
    index = draw(st.integers(0, 7)) << 2
    shareability = draw(st.integers(0, 3)) << 8
    access_flag = 0 if draw(chance(4)) else ACCESS_FLAG
    return often | sometimes | ignored | index | shareability | access_flag


def table_attributes() -> st.SearchStrategy[int]:
    """The attributes of a table descriptor, PXNTable to NSTable, and bits that are ignored there."""
    return st.one_of(
        st.just(0),
        bits(2, 1 << 59, 1 << 60, 1 << 61, 1 << 62, 1 << 63),
        bits(2, 1 << 6, 1 << 10, 1 << 50, 1 << 51, 1 << 52, 1 << 54, 1 << 55, 1 << 59, 1 << 63),
    )


@st.composite
def output_addresses(draw: st.DrawFn, size: int) -> int:
    """Where a leaf of 2^size bytes maps to: RAM, or as near as its alignment allows; now and then elsewhere."""
    if draw(chance(8)):
        base = draw(st.sampled_from((NOWHERE, *TOO_LARGE))) | draw(st.integers(0, 3)) << size
    else:
        base = DATA + draw(st.integers(0, (RAM_SIZE // 2 >> 12) - 1)) * 0x1000
    return base >> size << size & (1 << 48) - 1


# --- a range: one table tree


@attrs.define
class _Place:
    """Where tables are made: frames for them one after the other, from the beginning of RAM; what is in them.

    With `is_consistent`, contiguous groups are as the architecture wants them.
    """

    is_consistent: bool
    next: int = RAM
    descriptors: dict[int, int] = attrs.field(factory=dict)

    def take(self, size: int) -> int:
        """A frame of `size` bytes, aligned to it."""
        base = -(-self.next // size) * size
        self.next = base + size
        return base


@attrs.frozen
class _Shape:
    """What the addresses of a range are made of."""

    granule: int
    input_size: int
    is_upper: bool

    @property
    def stride(self) -> int:
        return self.granule - 3

    @property
    def start_level(self) -> int:
        return 3 - (self.input_size - 1 - self.granule) // self.stride

    def low(self, level: int) -> int:
        """The lowest bit of an address that a level resolves."""
        return self.granule + self.stride * (3 - level)

    def index_bits(self, level: int) -> int:
        return min(self.stride, self.input_size - self.low(level))

    @property
    def first_address(self) -> int:
        return (1 << 64) - (1 << self.input_size) if self.is_upper else 0


@attrs.frozen
class _Range:
    """A range drawn: the fields it has in TCR_ELx, its table, and the addresses of interest."""

    txsz: int
    granule: int
    ttbr: int
    addresses: tuple[int, ...]


@st.composite
def _sizes(draw: st.DrawFn, granule: int) -> int:
    """TxSZ: 39 bits of address first, then the edges of every start level, any; and now and then what is too much."""
    if draw(chance(12)):
        return draw(st.sampled_from((15, 40, 48, 49, 0, 63)))
    most = 47 if granule == 16 else 48
    often = st.sampled_from((25, 16, 17, 24, 28, 32, 33, 34, 39, 22))
    return draw(st.integers(16, most) if draw(chance(4)) else often)


def _indices(count: int) -> st.SearchStrategy[int]:
    """The number of a table entry: the first, its neighbours, the last, any."""
    return st.sampled_from((0, 1, 2, 15, 16, count - 1)).map(lambda index: index % count) | st.integers(0, count - 1)


class _Builder:
    """Draws the paths through one table tree into the descriptors of `place`; tables are shared where paths meet."""

    def __init__(self, draw: st.DrawFn, shape: _Shape, place: _Place) -> None:
        self.draw = draw
        self.shape = shape
        self.place = place
        self.descriptors = place.descriptors
        self.addresses: list[int] = []

    def root(self) -> int:
        """The address of the first table, aligned to its size, which may be less than a granule."""
        size = 8 << self.shape.index_bits(self.shape.start_level)
        frame = self.place.take(1 << self.shape.granule)
        return frame + self.draw(st.integers(0, 3)) * size % (1 << self.shape.granule)

    def add_path(self, root: int) -> None:
        """Descriptors for one more address, from the root to where they end."""
        table, address = root, self.shape.first_address
        for level in range(self.shape.start_level, 4):
            index = self.draw(_indices(1 << self.shape.index_bits(level)))
            address += index << self.shape.low(level)
            entry = table + 8 * index
            if entry not in self.descriptors:
                self.descriptors[entry] = self.new_descriptor(level)
                if self.is_mapping(level, self.descriptors[entry]) and self.draw(chance(3)):
                    self.add_neighbours(level, index, entry, address)
            descriptor = self.descriptors[entry]
            table = descriptor & (1 << 48) - (1 << self.shape.granule)
            if level == 3 or descriptor & 3 != 3 or not RAM <= table < DATA:
                break
        self.addresses += self.edges(address, level)

    def new_descriptor(self, level: int) -> int:
        """Mostly a table where there can be one, else a page; a block; or what maps nothing."""
        kinds = ["leaf"] if level == 3 else ["table", "table", "leaf", "table"]
        kind = self.draw(st.sampled_from([*kinds, "odd"] if self.draw(chance(6)) else kinds))
        if kind == "leaf":
            return self.new_leaf(level)
        if kind == "table":
            return self.new_table()
        # Invalid, whatever the other bits are; or 0b01, reserved where there are no blocks.
        return self.draw(leaf_attributes()) | RAM | self.draw(st.sampled_from((0, 2, 1)))

    def new_leaf(self, level: int) -> int:
        """A block or page descriptor; now and then contiguous, alone in its group."""
        contiguous = CONTIGUOUS if not self.place.is_consistent and self.draw(chance(4)) else 0
        address = self.draw(output_addresses(self.shape.low(level)))
        return address | contiguous | self.draw(leaf_attributes()) | (3 if level == 3 else 1)

    def new_table(self) -> int:
        """A table descriptor; now and then of a table that is not there."""
        if self.draw(chance(16)):
            address = self.draw(st.sampled_from((NOWHERE, *TOO_LARGE)))
        else:
            address = self.place.take(1 << self.shape.granule)
        return address | self.draw(table_attributes()) | 3

    @staticmethod
    def is_mapping(level: int, descriptor: int) -> bool:
        return descriptor & 3 == (3 if level == 3 else 1)

    def add_neighbours(self, level: int, index: int, entry: int, address: int) -> None:
        """The other entries of a contiguous group; or one entry that might well be in one with this, or pretends so."""
        if self.draw(chance(2)) and self.add_group(level, index, entry, address):
            return
        other = index ^ 1
        descriptor = self.descriptors[entry] ^ 1 << self.shape.low(level)
        if not self.place.is_consistent:
            descriptor ^= self.draw(bits(1, CONTIGUOUS, 1 << 7, 1 << 10, 1 << 2))
        if other >> self.shape.index_bits(level) == 0:
            self.descriptors.setdefault(entry + 8 * (other - index), descriptor)
            self.addresses.append(address + (other - index << self.shape.low(level)))

    def add_group(self, level: int, index: int, entry: int, address: int) -> bool:
        """Make an entry the first one of a whole contiguous group, if it can be.

        Its pages are accessed and their dirty state is not managed, so that there is nothing to update in one of them.
        """
        bits_of_group, low = contiguous_bits(self.shape.granule, level), self.shape.low(level)
        members = range(entry, entry + (8 << bits_of_group), 8)
        descriptor = self.descriptors[entry]
        fits = index % (1 << bits_of_group) == 0 and low + bits_of_group <= self.shape.input_size
        if not fits or any(member in self.descriptors for member in members[1:]):
            return False
        first = descriptor & (1 << 48) - (1 << low + bits_of_group)
        attributes = descriptor & ~((1 << 48) - (1 << self.shape.granule)) & ~DBM | ACCESS_FLAG | CONTIGUOUS
        for number, member in enumerate(members):
            self.descriptors[member] = first + (number << low) | attributes
        last = address + (len(members) - 1 << low)
        self.addresses += [last, last + 0x1238, last + (1 << low) - 8, last + (1 << low)]
        return True

    def edges(self, address: int, level: int) -> list[int]:
        """The region that begins at `address`: its begin and end, from within and from without."""
        end = address + (1 << self.shape.low(level))
        within = [address, address + 0x238, address + DATA % RAM + 0x40, end - 8]
        return [*within, *within, end, address - 8]


@st.composite
def _ranges(draw: st.DrawFn, place: _Place, *, is_upper: bool) -> _Range:
    granule = draw(st.sampled_from(_GRANULES))
    txsz = draw(_sizes(granule))
    built_for = min(max(txsz, 16), 47 if granule == 16 else 48)
    shape = _Shape(granule, 64 - built_for, is_upper)
    builder = _Builder(draw, shape, place)
    root = builder.root()
    for _ in range(draw(st.integers(1, 3))):
        builder.add_path(root)
    if draw(chance(24)):
        root = draw(st.sampled_from((NOWHERE, *TOO_LARGE)))
    ttbr = root | draw(st.sampled_from((0, 1))) | draw(st.sampled_from((0, 0x12, 0xFFFF))) << 48
    tg = _TG[is_upper][granule]
    if granule == 12 and draw(chance(8)):
        tg = _RESERVED_TG[is_upper]
    outside = shape.first_address + (1 << shape.input_size) if not is_upper else shape.first_address - 8
    addresses = (*builder.addresses, outside)
    return _Range(txsz, tg, ttbr, tuple(address % (1 << 64) for address in addresses))


# --- the registers


def _mairs() -> st.SearchStrategy[int]:
    """MAIR_ELx: most bytes choose one of `ATTRIBUTES`, the others are what they are."""
    chosen = st.binary(min_size=8, max_size=8).map(
        lambda data: bytes(ATTRIBUTES[byte % len(ATTRIBUTES)] if byte < 208 else byte for byte in data)
    )
    return chosen.map(lambda data: int.from_bytes(data, "little"))


@st.composite
def _tcr_el1(draw: st.DrawFn, lower: _Range | None, upper: _Range | None) -> int:
    tcr = draw(_output_sizes()) << 32
    if lower is None:
        tcr |= 25 | 1 << 7
    else:
        tcr |= lower.txsz | lower.granule << 14 | draw(bits(4, 1 << 7))
    if upper is None:
        tcr |= 25 << 16 | 0b10 << 30 | 1 << 23
    else:
        tcr |= upper.txsz << 16 | upper.granule << 30 | draw(bits(4, 1 << 23))
    tcr |= draw(bits(1, 1 << 39, 1 << 40))  # HA, HD
    tcr |= draw(bits(2, 1 << 37, 1 << 38))  # TBI0, TBI1
    return tcr | draw(bits(3, 1 << 36, *(1 << bit for bit in (41, 42, 51, 52, 55, 56))))  # AS, HPDn, TBIDn, E0PDn


@st.composite
def _tcr_el2_or_el3(draw: st.DrawFn, only: _Range) -> int:
    res1 = 1 << 31 | 1 << 23
    tcr = res1 | draw(_output_sizes()) << 16 | only.txsz | only.granule << 14
    return tcr | draw(bits(1, 1 << 21, 1 << 22)) | draw(bits(2, 1 << 20, 1 << 24, 1 << 29))  # HA, HD; TBI, HPD, TBID


def _output_sizes() -> st.SearchStrategy[int]:
    """TCR_ELx.IPS or PS: 48 bits first."""
    return st.sampled_from((5, 0, 1, 2, 3, 4, 6, 7))


@st.composite
def _sctlrs(draw: st.DrawFn) -> int:
    return _SCTLR_ALWAYS | (0 if draw(chance(12)) else _SCTLR_M) | draw(bits(1, *_SCTLR_OPTIONS))


@st.composite
def _security(draw: st.DrawFn, regime: int) -> dict[str, int]:
    """SCR_EL3 and HCR_EL2: Non-secure first."""
    state = draw(st.sampled_from((_SCR_NS, 0, _SCR_EEL2)))
    if regime == 2 and state == 0:
        state = _SCR_EEL2
    hcr = draw(bits(4, HCR_TGE)) if regime == 1 else 0
    return {"SCR_EL3": _SCR_RW | state | draw(bits(2, _SCR_SIF)), "HCR_EL2": _HCR_RW | hcr}


@st.composite
def tables(draw: st.DrawFn, *, is_consistent: bool = False) -> Tables:
    """A translation regime set up, EL1&0 with the lower range first.

    With `is_consistent`, a TLB has no choice which descriptor to answer with: contiguous groups are complete.
    """
    regime = draw(st.sampled_from((1, 1, 1, 2, 3)))
    place = _Place(is_consistent)
    if regime == 1:
        has_lower, has_upper = draw(st.sampled_from(((True, False), (False, True), (True, True))))
        lower = draw(_ranges(place, is_upper=False)) if has_lower else None
        upper = draw(_ranges(place, is_upper=True)) if has_upper else None
        registers = {
            "TCR_EL1": draw(_tcr_el1(lower, upper)),
            "TTBR0_EL1": lower.ttbr if lower else 0,
            "TTBR1_EL1": upper.ttbr if upper else 0,
        }
        addresses = (lower.addresses if lower else ()) + (upper.addresses if upper else ())
    else:
        only = draw(_ranges(place, is_upper=False))
        registers = {f"TCR_EL{regime}": draw(_tcr_el2_or_el3(only)), f"TTBR0_EL{regime}": only.ttbr}
        addresses = only.addresses
    registers |= {f"SCTLR_EL{regime}": draw(_sctlrs()), f"MAIR_EL{regime}": draw(_mairs())}
    registers |= draw(_security(regime))
    return Tables(regime, registers, place.descriptors, addresses)


@st.composite
def addresses_of(draw: st.DrawFn, built: Tables) -> int:
    """A virtual address, a multiple of 8: an edge of what is mapped, now and then moved, tagged or out of range."""
    address = draw(st.sampled_from(built.addresses))
    change = draw(st.sampled_from(("none",) * 10 + ("offset", "offset", "tag", "bit", "any")))
    if change == "offset":
        address += 8 * draw(st.integers(0, 0x3FFF))
    elif change == "tag":
        address ^= draw(st.integers(1, 255)) << 56
    elif change == "bit":
        address ^= 1 << draw(st.integers(12, 63))
    elif change == "any":
        address = 8 * draw(st.integers(0, (1 << 61) - 1))
    return address % (1 << 64)


@st.composite
def permissions(draw: st.DrawFn) -> Tables:
    """One page of Normal memory at address 0 of a regime that nothing but permissions keeps from being accessed."""
    regime = draw(st.sampled_from((1, 1, 2, 3)))
    middle, last = RAM + 0x1000, RAM + 0x2000
    leaf = draw(leaf_attributes()) & ~(0b111 << 2) | ACCESS_FLAG
    descriptors = {
        RAM: middle | draw(table_attributes()) | 3,
        middle: last | draw(table_attributes()) | 3,
        last: DATA | leaf | 3,
    }
    if regime == 1:
        tcr = 5 << 32 | 25 << 16 | 0b10 << 30 | 1 << 23 | draw(bits(1, 1 << 39, 1 << 40)) | draw(bits(2, 1 << 41))
    else:
        tcr = 5 << 16 | draw(bits(1, 1 << 21, 1 << 22)) | draw(bits(2, 1 << 24))
    registers = {
        f"TCR_EL{regime}": tcr | 25,
        f"TTBR0_EL{regime}": RAM,
        f"MAIR_EL{regime}": 0xFF,
        f"SCTLR_EL{regime}": _SCTLR_ALWAYS | _SCTLR_M | draw(bits(1, *_SCTLR_OPTIONS)),
    }
    return Tables(regime, registers | draw(_security(regime)), descriptors, (0,))
