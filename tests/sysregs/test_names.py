"""Names of system registers, against the table of those that LLVM 14 knows."""

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.sysregs import TABLE, names
from aarch64.sysregs.absent import ABSENT, reason_absent
from aarch64.sysregs.names import Direction
from aarch64.sysregs.table import absent_registers

DATA = Path(__file__).parents[1] / "data" / "sysregs.csv"
DIRECTIONS = {"r": Direction.READ, "w": Direction.WRITE}


def rows() -> list[tuple[int, str, str]]:
    """(encoding, access, name) of every row of the table."""
    lines = (line for line in DATA.read_text().splitlines() if not line.startswith("#"))
    return [
        (names.encode(*(int(row[part]) for part in ("op0", "op1", "crn", "crm", "op2"))), row["access"], row["name"])
        for row in csv.DictReader(lines)
    ]


ROWS = rows()


def test_the_table_is_whole():
    assert 929 == len(ROWS)
    assert 929 == len({encoding for encoding, _, _ in ROWS})


def test_every_name_is_printed_in_the_directions_llvm_has_it():
    for encoding, access, name in ROWS:
        read_name, _, write_name = name.partition("/")
        expected = {"r": read_name, "w": write_name or read_name}
        for letter, direction in DIRECTIONS.items():
            wanted = expected[letter] if letter in access else names.generic_name(encoding)
            assert wanted == names.name_of(encoding, direction)


def test_nothing_else_has_a_name():
    assert {encoding for encoding, _, _ in ROWS} == set(names.all_names().values())


@pytest.mark.parametrize("spell", [str, str.upper, str.lower, str.swapcase])
def test_names_are_read_in_any_case(spell):
    for encoding, _, name in ROWS:
        for part in name.split("/"):
            assert encoding == names.encoding_of(spell(part))


@given(st.integers(0, 0xFFFF))
def test_generic_names_and_encodings_are_each_others_inverse(encoding):
    assert encoding == names.encoding_of(names.generic_name(encoding))
    assert encoding == names.encode(*names.decode(encoding))


@pytest.mark.parametrize(
    "name", ["", "x0", "s3_0_c16_c0_0", "s4_0_c0_c0_0", "s3_8_c0_c0_0", "s3_0_c01_c0_0", "SCTLR_EL4"]
)
def test_what_is_no_name(name):
    assert names.encoding_of(name) is None


def test_every_row_is_there_or_absent_for_a_reason():
    absent = absent_registers()
    for encoding, _, name in ROWS:
        for part in name.split("/"):
            assert (encoding in TABLE) != (part in absent), part
    assert len(ROWS) == len([row for row in ROWS if row[0] in TABLE]) + len(absent)


def test_a_register_that_is_there_is_readable_and_writable_as_its_name_is():
    """LLVM lets the self-synchronised counters be written, which the Arm ARM does not."""
    wrongly_writable = {"CNTPCTSS_EL0", "CNTVCTSS_EL0"}
    for encoding, access, name in ROWS:
        register = TABLE.get(encoding)
        if register:
            directions = "r" * (register.read_level is not None) + "w" * (register.write_level is not None)
            assert (access if name not in wrongly_writable else "r") == directions, name


def test_no_reason_is_stale():
    """Every pattern is the first to match some register that is absent."""
    used = {reason_absent(name) for name in absent_registers()}
    assert set(ABSENT.values()) == used


def test_a_register_in_the_table_has_its_own_encoding():
    for encoding, register in TABLE.items():
        assert encoding == names.encoding_of(register.name)
