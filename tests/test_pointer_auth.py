"""Pointer authentication: the cipher, and where its code goes in a pointer.

Codes and signed pointers in the rows are what QEMU computes (its `max` CPU, FEAT_PAuth with QARMA5).
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.exceptions import ArchException
from aarch64.features import Feature
from aarch64.pointer_auth import Key, add_pac, authenticate, generic_code, strip
from aarch64.qarma import qarma5
from tests.isa.running import make_cpu

U64 = st.integers(0, (1 << 64) - 1)
KEYS = st.sampled_from(Key)

HIGH, LOW = 0x84BE85CE9804E94B, 0xEC2802D4E0A488E9
MODIFIER = 0x477D469DEC0B8762
ENABLED = 1 << 31 | 1 << 30 | 1 << 27 | 1 << 13
API_EL2, API_EL3 = 1 << 41, 1 << 17

TBI0, TBI1, TBID0, TBID1 = 1 << 37, 1 << 38, 1 << 51, 1 << 52
BOTH_TBI = TBI0 | TBI1


def make_signing_cpu(*, el=1, tcr=25 | 25 << 16, max_el=3, **facts):
    """Every key enabled, with the same value; nothing trapped."""
    registers = {f"SCTLR_EL{el or 1}": ENABLED, f"TCR_EL{el or 1}": tcr, "HCR_EL2": API_EL2, "SCR_EL3": API_EL3 | 1}
    keys = {f"AP{name}KEY{half}_EL1": value for name in ("IA", "IB", "DA", "DB", "GA") for half, value in HALVES}
    return make_cpu(el=el, max_el=max_el, **registers, **keys, **facts)


HALVES = (("HI", HIGH), ("LO", LOW))


@pytest.mark.parametrize(
    ("data", "tweak", "high", "low", "code"),
    [
        (0, 0, 0, 0, 0x76243B95),
        (0x33406BC44DC2A627, 0xB938451EE325FAA6, 0x2E84496E7857DD86, 0x940EEE3CBA6F875C, 0xE452B1CB),
        (0x887E840043E58844, 0xA2DA95A83EC33DD6, 0xC1D8FAC168FB90D7, 0xC2354E2BB7740A63, 0x146BA575),
        (0x86FF0DE26A769806, 0x9D9B532ABA4E6C36, 0xBC38D756D0055979, 0x5AAB0A377F90ADE7, 0x1F40C332),
    ],
)
def test_the_cipher(data, tweak, high, low, code):
    assert code == qarma5(data, tweak, high, low) >> 32


@given(U64, U64, U64, U64, st.integers(0, 63))
def test_the_cipher_is_a_permutation_of_the_data(data, tweak, high, low, bit):
    assert qarma5(data, tweak, high, low) != qarma5(data ^ 1 << bit, tweak, high, low)


LOWER, UPPER = 0x4000_1000, 0xFFFF_FFFF_4000_1000
TAGGED = 0x5A << 56 | LOWER


@pytest.mark.parametrize(
    ("tcr", "key", "pointer", "signed"),
    [
        (25 | 25 << 16, Key.IA, LOWER, 0x30338C8040001000),
        (25 | 25 << 16, Key.IA, UPPER, 0x0B9938FF40001000),
        (25 | 25 << 16, Key.DA, LOWER, 0x30338C8040001000),
        (16 | 16 << 16, Key.IA, LOWER, 0x3033000040001000),
        (16 | 16 << 16, Key.DA, UPPER, 0x0B99FFFF40001000),
        (25 | 25 << 16 | BOTH_TBI, Key.IA, TAGGED, 0x5A7BFC8040001000),
        (25 | 25 << 16 | BOTH_TBI, Key.IA, UPPER, 0xFF9938FF40001000),
        (25 | 33 << 16 | TBI1, Key.DA, LOWER, 0x30338C8040001000),
        (25 | 33 << 16 | TBI1, Key.DA, 0xFFFF_FFFF_C000_1000, None),
        (25 | 25 << 16 | BOTH_TBI | TBID0 | TBID1, Key.IA, UPPER, 0x0B9938FF40001000),
        (25 | 25 << 16 | BOTH_TBI | TBID0 | TBID1, Key.DA, TAGGED, 0x5A7BFC8040001000),
    ],
)
def test_the_code_replaces_the_field(tcr, key, pointer, signed):
    cpu = make_signing_cpu(tcr=tcr, without={Feature.PAUTH2})
    found = add_pac(cpu, pointer, MODIFIER, key)
    if signed is None:
        assert pointer & 0xFF80_0000_7FFF_FFFF == found & 0xFF80_0000_7FFF_FFFF
    else:
        assert signed == found
    assert pointer == authenticate(cpu, found, MODIFIER, key)


@pytest.mark.parametrize(
    ("tcr", "key", "signed", "poisoned"),
    [
        (25 | 25 << 16, Key.IA, 0x30338C8040001000, 0x2000000040001000),
        (25 | 25 << 16, Key.IB, 0x30338C8040001000, 0x4000000040001000),
        (25 | 25 << 16, Key.DA, 0x0B9938FF40001000, 0xBFFFFFFF40001000),
        (25 | 25 << 16, Key.DB, 0x0B9938FF40001000, 0xDFFFFFFF40001000),
        (25 | 25 << 16 | BOTH_TBI, Key.IA, 0x5A7BFC8040001000, 0x5A20000040001000),
        (25 | 25 << 16 | BOTH_TBI, Key.DB, 0xFF9938FF40001000, 0xFFDFFFFF40001000),
    ],
)
def test_a_wrong_modifier_leaves_an_error_code(tcr, key, signed, poisoned):
    cpu = make_signing_cpu(tcr=tcr, without={Feature.PAUTH2})
    assert poisoned == authenticate(cpu, signed, MODIFIER ^ 1, key)


FOUR_KB, SIXTYFOUR_KB = 0b00 << 14, 0b01 << 14
"""TCR_ELx.TG0."""


def is_canonical(pointer, bottom):
    return pointer >> bottom in (0, (1 << 64 - bottom) - 1)


@pytest.mark.parametrize("without", [set(), {Feature.PAUTH2}], ids=["PAuth2", "PAuth"])
@given(data=st.data())
def test_authenticating_what_was_signed_gives_it_back(without, data):
    el = data.draw(st.integers(0, 3))
    key, modifier, t0sz, t1sz = data.draw(st.tuples(KEYS, U64, st.integers(0, 63), st.integers(0, 63)))
    address = data.draw(st.integers(0, (1 << 16) - 1))
    pointer = address if data.draw(st.booleans()) or el > 1 else address | -1 << 16 & (1 << 64) - 1
    tbi = data.draw(st.integers(0, 3)) << 37 if el < 2 else data.draw(st.integers(0, 1)) << 20
    cpu = make_signing_cpu(el=el, tcr=t0sz | t1sz << 16 * (el < 2) | tbi, without=without)
    signed = add_pac(cpu, pointer, modifier, key)
    assert pointer == authenticate(cpu, signed, modifier, key)
    assert pointer == strip(cpu, signed, is_data=key.is_data)
    assert pointer == strip(cpu, pointer, is_data=key.is_data)


@given(KEYS, U64, U64, st.integers(0, (1 << 39) - 1))
def test_the_two_ways_of_putting_the_code_agree_on_canonical_pointers_of_the_lower_range(key, modifier, other, pointer):
    one, two = make_signing_cpu(without={Feature.PAUTH2}), make_signing_cpu()
    signed = add_pac(one, pointer, modifier, key)
    assert signed == add_pac(two, pointer, modifier, key)
    assert (pointer == authenticate(one, signed, other, key)) == (pointer == authenticate(two, signed, other, key))


@given(KEYS, U64, st.integers(0, (1 << 39) - 1), U64)
def test_with_pauth2_signing_twice_takes_the_code_out_again(key, modifier, pointer, tag):
    cpu = make_signing_cpu(tcr=25 | 25 << 16 | BOTH_TBI)
    tagged = pointer | tag & 0xFF << 56
    signed = add_pac(cpu, tagged, modifier, key)
    assert tagged == add_pac(cpu, signed, modifier, key)


def test_without_pauth2_a_pointer_that_is_not_canonical_gets_a_bad_code():
    cpu = make_signing_cpu(without={Feature.PAUTH2})
    pointer = LOWER | 1 << 50
    signed = add_pac(cpu, pointer, MODIFIER, Key.IA)
    assert 0x30338C8040001000 ^ 1 << 62 == signed
    assert LOWER != authenticate(cpu, signed, MODIFIER, Key.IA)


@pytest.mark.parametrize(
    ("txsz", "granule", "without", "bottom"),
    [
        (0, FOUR_KB, None, 48),
        (15, FOUR_KB, None, 48),
        (16, FOUR_KB, None, 48),
        (17, FOUR_KB, None, 47),
        (39, FOUR_KB, None, 25),
        (48, FOUR_KB, None, 16),
        (49, FOUR_KB, None, 16),
        (48, SIXTYFOUR_KB, None, 17),
        (40, FOUR_KB, Feature.TTST, 25),
        (63, FOUR_KB, Feature.TTST, 25),
    ],
)
def test_an_address_size_out_of_range_is_forced_into_it(txsz, granule, without, bottom):
    cpu = make_signing_cpu(tcr=txsz | granule, without={without} if without else set())
    assert (1 << 64) - 1 == strip(cpu, (1 << 64) - 1, is_data=True)
    assert (1 << bottom) - 1 == strip(cpu, (1 << 64) - 1 ^ 1 << 55, is_data=True)


@pytest.mark.parametrize("key", Key)
def test_a_key_that_is_not_enabled_does_nothing_and_is_not_trapped(key):
    cpu = make_signing_cpu()
    cpu.sysregs |= {"SCTLR_EL1": ENABLED & ~(1 << key.enable_bit), "HCR_EL2": 0, "SCR_EL3": 1}
    assert LOWER == add_pac(cpu, LOWER, MODIFIER, key)
    assert 0x30338C8040001000 == authenticate(cpu, 0x30338C8040001000, MODIFIER, key)


@pytest.mark.parametrize("el", range(4))
@pytest.mark.parametrize("key", Key)
def test_the_enable_bit_is_that_of_the_current_regime(key, el):
    cpu = make_signing_cpu(el=el)
    for other in {1, 2, 3} - {el or 1}:
        cpu.sysregs[f"SCTLR_EL{other}"] = 0
    assert LOWER != add_pac(cpu, LOWER, MODIFIER, key)


def trap_of(cpu, action):
    with pytest.raises(ArchException) as caught:
        action(cpu)
    return caught.value.target, int(caught.value.ec), caught.value.iss


USES = [
    lambda cpu: add_pac(cpu, LOWER, MODIFIER, Key.IA),
    lambda cpu: authenticate(cpu, LOWER, MODIFIER, Key.DB),
    lambda cpu: generic_code(cpu, LOWER, MODIFIER),
]


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(
    ("el", "hcr", "scr", "target"),
    [(0, 0, 1, 2), (1, 0, 1, 2), (0, API_EL2, 1, 3), (1, API_EL2, 1, 3), (2, 0, 1, 3), (1, 0, 0, 3)],
)
def test_traps(use, el, hcr, scr, target):
    cpu = make_signing_cpu(el=el)
    cpu.sysregs |= {"HCR_EL2": hcr, "SCR_EL3": scr}
    assert (target, 0x09, 0) == trap_of(cpu, use)


@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize(("el", "max_el"), [(0, 1), (1, 1), (2, 2), (3, 3)])
def test_absent_and_lower_levels_do_not_trap(use, el, max_el):
    cpu = make_signing_cpu(el=el, max_el=max_el)
    cpu.sysregs |= {"HCR_EL2": 0, "SCR_EL3": 0}
    use(cpu)


@pytest.mark.parametrize(("key", "iss"), [(Key.IA, 0), (Key.IB, 1), (Key.DA, 2), (Key.DB, 3)])
def test_fpac_makes_a_failed_authentication_fault(key, iss):
    cpu = make_signing_cpu(extra={Feature.FPAC})
    signed = add_pac(cpu, LOWER, MODIFIER, key)
    assert LOWER == authenticate(cpu, signed, MODIFIER, key)
    assert (None, 0x1C, iss) == trap_of(cpu, lambda cpu: authenticate(cpu, signed, MODIFIER ^ 1, key))


def test_fpac_leaves_combined_instructions_alone():
    cpu = make_signing_cpu(extra={Feature.FPAC})
    signed = add_pac(cpu, LOWER, MODIFIER, Key.IA)
    assert not is_canonical(authenticate(cpu, signed, MODIFIER ^ 1, Key.IA, combined=True), 39)


@given(U64, U64)
def test_the_generic_code_is_the_upper_half(value, modifier):
    cpu = make_signing_cpu()
    assert qarma5(value, modifier, HIGH, LOW) >> 32 << 32 == generic_code(cpu, value, modifier)
