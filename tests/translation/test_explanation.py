"""Translations in words: what is told of each kind of result, and that a fault names the bits that decided."""

import json

import pytest

from aarch64.features import DEFAULT_FEATURES, Feature
from aarch64.machine import Machine
from aarch64.translation.explanation import Part
from aarch64.translation.permissions import Right

ROOT, TABLE, LAST = 0x4001_0000, 0x4002_0000, 0x4003_0000
"""Tables, aligned to the largest granule."""
PAGE = 0x4004_0000

INDEX = {12: (30, 21, 12), 14: (36, 25, 14), 16: (42, 29, 16)}
"""The lowest bit of address that the levels 1, 2 and 3 resolve, by granule."""

NORMAL, DEVICE = 0 << 2, 1 << 2
MAIR = 0x04_FF
AF, NG, INNER = 1 << 10, 1 << 11, 3 << 8
EL0, READ_ONLY = 1 << 6, 1 << 7
GUARDED, DBM, CONTIGUOUS, PXN, UXN = 1 << 50, 1 << 51, 1 << 52, 1 << 53, 1 << 54
NS = 1 << 5
PXN_TABLE, UXN_TABLE, NO_EL0, READ_ONLY_BELOW, NS_TABLE = 1 << 59, 1 << 60, 1 << 61, 1 << 62, 1 << 63

M, C, WXN = 1 << 0, 1 << 2, 1 << 19
T0SZ_39, T1SZ_39, IPS_48 = 25, 25 << 16, 0b101 << 32
TCR = T0SZ_39 | T1SZ_39 | IPS_48 | 0b10 << 30
HPD0, HA, HD, TBI0, TBID0, EPD0, EPD1, E0PD0 = 1 << 41, 1 << 39, 1 << 40, 1 << 37, 1 << 51, 1 << 7, 1 << 23, 1 << 55


def attributes(*flags):
    """A descriptor's bits: inner shareable Normal memory that was accessed, and what is asked for."""
    return sum(flags, AF | INNER)


def path(leaf, *, table=0, granule=12, address=0x8000_0000):
    """Three descriptors, from level 1 to the page at `address`."""
    one, two, three = (address >> low & 0x1FF for low in INDEX[granule])
    return {ROOT + 8 * one: TABLE | table | 3, TABLE + 8 * two: LAST | 3, LAST + 8 * three: leaf}


def machine(descriptors, *, el=1, max_el=1, features=DEFAULT_FEATURES, pan=0, **registers):
    """A machine with translation on in the regime of `el`."""
    made = Machine(el=el, max_el=max_el, features=features, ram=1 << 20)
    level = el or 1
    usual = {f"TCR_EL{level}": TCR, f"MAIR_EL{level}": MAIR, f"TTBR0_EL{level}": ROOT, f"SCTLR_EL{level}": M | C}
    if level == 1:
        usual["TTBR1_EL1"] = ROOT
    made.cpu.sysregs |= {**usual, **registers}
    made.cpu.pstate.pan = pan
    made.cpu.context_changed()
    for address, descriptor in descriptors.items():
        made.memory.write(address, 8, descriptor)
    return made


WRITE_BACK = "Normal, Write-Back read/write-allocate, inner shareable"
FROM_TTBR0 = "EL1&0, TTBR0_EL1, 4KB granule, 39-bit addresses (T0SZ 25), 48-bit output"
BLOCK = "block at 0x40000000"
LIMITS = "APTable 0b11, UXNTable, PXNTable, NSTable"
TWO_TABLES = [
    FROM_TTBR0,
    "level 1  [0x40010010] 0x0000000040020003  table at 0x40020000",
    "level 2  [0x40020000] 0x0000000040030003  table at 0x40030000",
]


# --- whole explanations


def test_a_page():
    found = machine(path(PAGE | attributes(EL0, NG, PXN, UXN) | 3)).translate(0x8000_0ABC)
    assert found.lines() == [
        "read from EL1 at 0x80000abc",
        *TWO_TABLES,
        f"level 3  [0x40030000] 0x0060000040040f43  page at 0x40040000, EL1 rw-, EL0 rw-, {WRITE_BACK}, nG",
        f"physical 0x40040abc, {WRITE_BACK}",
    ]
    assert (PAGE | 0xABC, None) == (found.physical, found.fault_status)


@pytest.mark.parametrize(
    ("descriptors", "options", "address", "lines"),
    [
        (
            {ROOT + 8: 0x4000_0000 | attributes(READ_ONLY, GUARDED, CONTIGUOUS) | 1},
            {"TCR_EL1": TCR | TBI0 | HPD0},
            0x12_0000_0040_0400_00,
            [
                f"{FROM_TTBR0}, TBI0, HPD0",
                f"level 1  [0x40010008] 0x0014000040000781  {BLOCK}, EL1 r-x, EL0 --x, {WRITE_BACK}, GP, contiguous",
                f"physical 0x40040000, {WRITE_BACK}",
            ],
        ),
        (
            {ROOT + 16: TABLE | NO_EL0 | READ_ONLY_BELOW | UXN_TABLE | PXN_TABLE | NS_TABLE | 3},
            {},
            0x8000_0000,
            [
                FROM_TTBR0,
                f"level 1  [0x40010010] 0xf800000040020003  table at 0x40020000, {LIMITS}",
                "level 2  [0x40020000] 0x0000000000000000  invalid",
                "translation fault, level 2: bit 0 of the descriptor is clear: it is invalid",
            ],
        ),
        (
            {ROOT + 0xFF0: 0x4000_0000 | DEVICE | AF | UXN | 1},
            {"TCR_EL1": TCR | TBI0 | TBID0 | E0PD0, "SCTLR_EL1": M | C | WXN},
            0xFFFF_FFFF_8004_0000,
            [
                "EL1&0, TTBR1_EL1, 4KB granule, 39-bit addresses (T1SZ 25), 48-bit output, WXN",
                "level 1  [0x40010ff0] 0x0040000040000405  block at 0x40000000, EL1 rwx, EL0 ---, Device-nGnRE",
                "physical 0x40040000, Device-nGnRE",
            ],
        ),
        (  # 16KB, 36-bit addresses: level 2 first
            {ROOT + 8 * 0x40: LAST | 3, LAST: PAGE | attributes(UXN) | 3},
            {"TCR_EL1": 28 | 0b10 << 14 | IPS_48},
            0x8000_1000,
            [
                "EL1&0, TTBR0_EL1, 16KB granule, 36-bit addresses (T0SZ 28), 48-bit output",
                "level 2  [0x40010200] 0x0000000040030003  table at 0x40030000",
                f"level 3  [0x40030000] 0x0040000040040703  page at 0x40040000, EL1 rwx, EL0 ---, {WRITE_BACK}",
                f"physical 0x40041000, {WRITE_BACK}",
            ],
        ),
        (  # 64KB, at EL2
            {ROOT + 8 * 4: LAST | UXN_TABLE | 3, LAST: PAGE | attributes() | 3},
            {"TCR_EL2": 22 | 0b01 << 14 | 0b101 << 16 | 1 << 20, "el": 2, "max_el": 2},
            0x8000_1000,
            [
                "EL2, TTBR0_EL2, 64KB granule, 42-bit addresses (T0SZ 22), 48-bit output, TBI",
                "level 2  [0x40010020] 0x1000000040030003  table at 0x40030000, XNTable",
                f"level 3  [0x40030000] 0x0000000040040703  page at 0x40040000, rw-, {WRITE_BACK}",
                f"physical 0x40041000, {WRITE_BACK}",
            ],
        ),
        (
            {ROOT + 16: 0x4000_0000 | attributes() | 1},
            {"el": 3, "max_el": 3, "TCR_EL3": T0SZ_39},
            0x8004_0000,
            [
                "EL3, TTBR0_EL3, 4KB granule, 39-bit addresses (T0SZ 25), 32-bit output",
                f"level 1  [0x40010010] 0x0000000040000701  block at 0x40000000, rwx, {WRITE_BACK}",
                f"physical 0x40040000, {WRITE_BACK}, Secure",
            ],
        ),
        (
            {ROOT + 16: 0x4000_0000 | attributes(NS) | 1},
            {"el": 3, "max_el": 3, "TCR_EL3": T0SZ_39},
            0x8004_0000,
            [
                "EL3, TTBR0_EL3, 4KB granule, 39-bit addresses (T0SZ 25), 32-bit output",
                f"level 1  [0x40010010] 0x0000000040000721  block at 0x40000000, rwx, {WRITE_BACK}, NS",
                f"physical 0x40040000, {WRITE_BACK}",
            ],
        ),
        (
            path(PAGE | attributes() | 3),
            {"SCTLR_EL1": M},
            0x8000_0000,
            [
                *TWO_TABLES,
                f"level 3  [0x40030000] 0x0000000040040703  page at 0x40040000, EL1 rwx, EL0 --x, {WRITE_BACK}",
                "physical 0x40040000, Normal, Non-cacheable, without XS, outer shareable: SCTLR_EL1.C (bit 2) is clear",
            ],
        ),
        (
            path(0x1000_0000 | attributes(UXN) | 3),
            {},
            0x8000_0000,
            [
                *TWO_TABLES,
                f"level 3  [0x40030000] 0x0040000010000703  page at 0x10000000, EL1 rwx, EL0 ---, {WRITE_BACK}",
                f"physical 0x10000000, {WRITE_BACK}",
                "external abort: nothing answers at that address",
            ],
        ),
        (
            {},
            {"SCTLR_EL1": 0},
            0x900_0000,
            ["EL1&0, the MMU is off: SCTLR_EL1.M (bit 0) is clear", "physical 0x9000000, Device-nGnRnE"],
        ),
        (
            {},
            {"max_el": 2, "HCR_EL2": 1 << 27},
            0x4000_0000,
            ["EL1&0, the MMU is off: HCR_EL2.TGE (bit 27) is set", "physical 0x40000000, Device-nGnRnE"],
        ),
        (
            {},
            {"SCTLR_EL1": 0},
            1 << 48,
            [
                "EL1&0, the MMU is off: SCTLR_EL1.M (bit 0) is clear",
                "address size fault, level 0: the MMU is off, and there are 48 bits of physical address",
            ],
        ),
    ],
)  # fmt: skip
def test_results(descriptors, options, address, lines):
    _, *answer = machine(descriptors, **options).translate(address).lines()
    assert answer == lines


# --- faults, each with what decided


@pytest.mark.parametrize(
    ("table", "flags", "right", "el", "options", "reason"),
    [
        (0, EL0 | READ_ONLY, "write", 1, {}, "EL1 may not write: AP[2] (bit 7) is set"),
        (0, EL0 | READ_ONLY, "write", 0, {}, "EL0 may not write: AP[2] (bit 7) is set"),
        (0, 0, "read", 0, {}, "EL0 may not read: AP[1] (bit 6) is clear"),
        (0, READ_ONLY, "write", 0, {}, "EL0 may not write: AP[1] (bit 6) is clear and AP[2] (bit 7) is set"),
        (READ_ONLY_BELOW, 0, "write", 1, {}, "EL1 may not write: APTable[1] (bit 62) of the level 1 table is set"),
        (NO_EL0, EL0, "read", 0, {}, "EL0 may not read: APTable[0] (bit 61) of the level 1 table is set"),
        (0, UXN | EL0, "execute", 0, {}, "EL0 may not execute: UXN (bit 54) is set"),
        (0, PXN, "execute", 1, {}, "EL1 may not execute: PXN (bit 53) is set"),
        (UXN_TABLE, EL0, "execute", 0, {}, "EL0 may not execute: UXNTable (bit 60) of the level 1 table is set"),
        (PXN_TABLE, 0, "execute", 1, {}, "EL1 may not execute: PXNTable (bit 59) of the level 1 table is set"),
        (0, EL0, "execute", 1, {}, "EL1 may not execute: EL0 may write to the page (AP[2:1], bits 7:6, are 0b01)"),
        (0, DEVICE, "execute", 1, {}, "EL1 may not execute: the memory is Device-nGnRE"),
        (
            0, 0, "execute", 1, {"SCTLR_EL1": M | WXN},
            "EL1 may not execute: SCTLR_EL1.WXN is set, and the page can be written to",
        ),
        (0, EL0, "read", 1, {"pan": 1}, "EL1 may not read: PSTATE.PAN is set, and EL0 may use the page"),
        (
            0, 0, "write", 1, {"pan": 1, "SCTLR_EL1": M | 1 << 57},
            "EL1 may not write: PSTATE.PAN is set, and EL0 may execute the page",
        ),
    ],
)  # fmt: skip
def test_permission_faults_name_the_bits(table, flags, right, el, options, reason):
    made = machine(path(PAGE | attributes(flags) | 3, table=table), **options)
    assert f"permission fault, level 3: {reason}" == made.translate(0x8000_0000, Right(right), el=el).lines()[-1]


@pytest.mark.parametrize(("el", "bit", "name"), [(2, "XN (bit 54)", "EL2"), (3, "XN (bit 54)", "EL3")])
def test_in_a_regime_of_one_range_there_is_one_execute_never(el, bit, name):
    made = machine(path(PAGE | attributes(UXN, PXN) | 3), el=el, max_el=3)
    expected = f"permission fault, level 3: {name} may not execute: {bit} is set"
    assert expected == made.translate(0x8000_0000, Right.EXECUTE).lines()[-1]


TOO_LARGE = 1 << 40


@pytest.mark.parametrize(
    ("descriptors", "options", "address", "lines"),
    [
        (
            path(PAGE | 3),
            {},
            0x8000_0000,
            ["access flag fault, level 3: AF (bit 10) is clear"],
        ),
        (
            path(PAGE | attributes() | 1),
            {},
            0x8000_0000,
            [
                "level 3  [0x40030000] 0x0000000040040701  reserved",
                "translation fault, level 3: bit 1 of the descriptor is clear: no block has this level",
            ],
        ),
        (
            {ROOT + 16: 0x5000_0003},
            {},
            0x8000_0000,
            [
                "level 1  [0x40010010] 0x0000000050000003  table at 0x50000000",
                "level 2  [0x50000000] nothing answers",
                "external abort on a translation table walk, level 2: nothing answers at the descriptor's address",
            ],
        ),
        (
            path(TOO_LARGE | attributes() | 3),
            {"TCR_EL1": T0SZ_39 | 0b001 << 32},
            0x8000_0000,
            ["address size fault, level 3: the output address 0x10000000000 exceeds the 36 bits of TCR_EL1.IPS"],
        ),
        (
            {ROOT + 16: TOO_LARGE | 3},
            {"TCR_EL1": T0SZ_39},
            0x8000_0000,
            ["address size fault, level 1: the next table's address 0x10000000000 exceeds the 32 bits of TCR_EL1.IPS"],
        ),
        (
            {},
            {"TCR_EL1": T0SZ_39, "TTBR0_EL1": TOO_LARGE},
            0x8000_0000,
            ["address size fault, level 0: the table's address 0x10000000000 exceeds the 32 bits of TCR_EL1.IPS"],
        ),
        (
            {},
            {},
            1 << 39,
            [FROM_TTBR0, "translation fault, level 0: it is outside the 39-bit range of TTBR0_EL1"],
        ),
        (
            {},
            {"TCR_EL1": TCR | EPD0},
            0x8000_0000,
            [f"{FROM_TTBR0}, EPD0", "translation fault, level 0: TCR_EL1.EPD0 is set: no walks by TTBR0_EL1"],
        ),
        (
            {},
            {"TCR_EL1": TCR | EPD1},
            0xFFFF_FFFF_8000_0000,
            ["translation fault, level 0: TCR_EL1.EPD1 is set: no walks by TTBR1_EL1"],
        ),
        (
            {},
            {"TCR_EL1": TCR | E0PD0, "el": 0},
            0x8000_0000,
            [
                f"{FROM_TTBR0}, E0PD0",
                "translation fault, level 0: TCR_EL1.E0PD0 keeps EL0 out of the range of TTBR0_EL1",
            ],
        ),
        ({}, {"TCR_EL1": 5}, 0, ["translation fault, level 0: TCR_EL1.T0SZ is 5: want 16 to 48"]),
    ],
)
def test_faults_of_a_walk_name_the_bits(descriptors, options, address, lines):
    found = machine(descriptors, **options).translate(address)
    assert lines == found.lines()[-len(lines) :]
    assert (None, True) == (found.physical, found.fault_status is not None)


# --- the TLB, and what hardware writes


def stale():
    """A machine whose TLB has a page that the tables say something else about by now."""
    made = machine({**path(PAGE | attributes(UXN) | 3), LAST + 8: PAGE | attributes(UXN) | 3})
    made.memory.write_bytes(PAGE, bytes.fromhex("000040f9"))  # ldr x0, [x0]
    made.cpu.pc, made.cpu.gpr[0] = 0x8000_0000, 0x8000_1000
    made.run(max_cycles=1)
    made.memory.write(LAST + 8, 8, 0)
    return made


def test_what_the_tlb_has_and_what_the_tables_say():
    found = stale().translate(0x8000_1000)
    note, *rest = found.lines()[1:]
    assert note == "from the TLB, which took it from these descriptors:"
    assert rest == [
        *TWO_TABLES,
        f"level 3  [0x40030008] 0x0040000040040703  page at 0x40040000, EL1 rwx, EL0 ---, {WRITE_BACK}",
        f"physical 0x40040000, {WRITE_BACK}",
        "but the tables say something else by now, and no TLBI has told the TLB:",
        *TWO_TABLES,
        "level 3  [0x40030008] 0x0000000000000000  invalid",
        "translation fault, level 3: bit 0 of the descriptor is clear: it is invalid",
    ]
    assert (PAGE, None) == (found.physical, found.fault_status)


def test_an_answer_of_the_tlb_that_the_tables_agree_with():
    found = stale().translate(0x8000_0000)
    assert (True, None) == (found.outcome.is_kept, found.now)
    assert found.lines()[-1] == f"physical 0x40040000, {WRITE_BACK}"


def test_a_descriptor_that_hardware_would_write():
    made = machine(path(PAGE | INNER | READ_ONLY | DBM | UXN | 3), TCR_EL1=TCR | HA | HD)
    controls, *_, page, physical, note = made.translate(0x8000_0000, Right.WRITE).lines()[1:]
    assert controls == f"{FROM_TTBR0}, HA, HD"
    assert page.endswith(f"0x0048000040040383  page at 0x40040000, EL1 rwx, EL0 ---, {WRITE_BACK}, DBM, AF clear")
    assert physical == f"physical 0x40040000, {WRITE_BACK}"
    assert note == "hardware would make the descriptor 0x0048000040040703"


def test_without_the_feature_hardware_writes_nothing():
    made = machine(path(PAGE | 3), TCR_EL1=TCR | HA | HD, features=DEFAULT_FEATURES - {Feature.HAFDBS})
    assert "access flag fault, level 3: AF (bit 10) is clear" == made.translate(0x8000_0000).lines()[-1]


# --- for programs


def test_each_line_says_what_it_tells():
    assert [line.part for line in stale().translate(0x8000_1000).told()] == [
        *(Part.QUESTION, Part.NOTE, Part.CONTROLS, *[Part.DESCRIPTOR] * 3, Part.ARRIVAL),
        *(Part.NOTE, Part.CONTROLS, *[Part.DESCRIPTOR] * 3, Part.FAULT),
    ]


def test_json():
    value = stale().translate(0x8000_1000).as_json()
    assert value == json.loads(json.dumps(value))
    steps = [
        {"level": 1, "address": "0x40010010", "descriptor": "0x40020003", "kind": "table"},
        {"level": 2, "address": "0x40020000", "descriptor": "0x40030003", "kind": "table"},
        {"level": 3, "address": "0x40030008", "descriptor": "0x40000040040703", "kind": "page"},
    ]
    regime = {"regime": "EL1&0", "table_register": "TTBR0_EL1", "granule": 4096, "address_bits": 39}
    nothing = {"physical": None, "attribute": None, "shareability": None, "secure": None}
    assert value == {
        "address": "0x80001000",
        "access": "read from EL1",
        "from_tlb": True,
        **regime,
        "steps": steps,
        "physical": "0x40040000",
        "attribute": "Normal, Write-Back read/write-allocate",
        "shareability": "inner shareable",
        "secure": False,
        "fault": None,
        "mmu_off": None,
        "answers": "ram",
        "descriptor_update": None,
        "tables_now": {
            **regime,
            "steps": [*steps[:2], {**steps[2], "descriptor": "0x0", "kind": "invalid"}],
            **nothing,
            "fault": {
                "status": 7,
                "name": "translation fault, level 3",
                "reason": "bit 0 of the descriptor is clear: it is invalid",
            },
        },
    }


@pytest.mark.parametrize(
    ("descriptors", "options", "right", "found"),
    [
        ({}, {"SCTLR_EL1": 0}, "read", {"mmu_off": "SCTLR_EL1.M (bit 0) is clear", "answers": "nothing", "steps": []}),
        (path(0x900_0000 | AF | 3), {}, "read", {"answers": "device", "physical": "0x9000000", "from_tlb": False}),
        (
            path(PAGE | INNER | 3),
            {"TCR_EL1": TCR | HA},
            "read",
            {"descriptor_update": "0x40040703", "answers": "ram", "tables_now": None},
        ),
        ({ROOT + 16: TOO_LARGE >> 9 | 3}, {}, "read", {"answers": None, "physical": None}),
    ],
)
def test_json_of_other_results(descriptors, options, right, found):
    value = machine(descriptors, **options).translate(0x8000_0000, Right(right)).as_json()
    assert {**value, **found} == value


def test_a_walk_that_nothing_answers_has_a_step_without_a_descriptor():
    value = machine({ROOT + 16: 0x5000_0003}).translate(0x8000_0000).as_json()
    assert {"level": 2, "address": "0x50000000", "descriptor": None, "kind": "invalid"} == value["steps"][-1]
