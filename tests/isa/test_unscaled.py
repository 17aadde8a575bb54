"""Unscaled offsets: plain, unprivileged and ordered, which move the same data."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.bits import mask
from aarch64.features import Feature
from aarch64.isa import unscaled
from aarch64.isa.definition import Trait
from tests.isa.memory_bench import DATA, make_cpu, memory_at, run

STORED = 0x0123_4567_89AB_CDEF

LOADED = [
    ("b w", 0xF0),
    ("sb w", 0xFFFF_FFF0),
    ("sb x", 0xFFFF_FFFF_FFFF_FFF0),
    ("h w", 0xE1F0),
    ("sh w", 0xFFFF_E1F0),
    ("sh x", 0xFFFF_FFFF_FFFF_E1F0),
    (" w", 0xC3D2_E1F0),
    ("sw x", 0xFFFF_FFFF_C3D2_E1F0),
    (" x", 0x8796_A5B4_C3D2_E1F0),
]


@pytest.mark.parametrize("stem", ["ldur", "ldtr", "ldapur"])
@pytest.mark.parametrize(("suffix", "loaded"), LOADED)
def test_loads(stem, suffix, loaded) -> None:
    cpu = run(make_cpu(), f"{stem}{suffix}0, [x1, #-256]", x0=mask(64), x1=DATA + 256)
    assert (loaded, DATA + 256) == (cpu.gpr[0], cpu.gpr[1])


@pytest.mark.parametrize("stem", ["stur", "sttr", "stlur"])
@pytest.mark.parametrize(("suffix", "size"), [("b w", 1), ("h w", 2), (" w", 4), (" x", 8)])
def test_stores(stem, suffix, size) -> None:
    cpu = run(make_cpu(), f"{stem}{suffix}0, [x1, #240]", x0=STORED)
    assert STORED & mask(8 * size) == memory_at(cpu, DATA + 240, 8)


@given(st.sampled_from(("ur", "tr")), st.integers(-256, 255), st.integers(0, mask(64)))
def test_what_is_stored_is_loaded_again_at_any_offset(stem, offset, value) -> None:
    cpu = run(make_cpu(unaligned=True), f"st{stem} x2, [x1, #{offset}]", f"ld{stem} x3, [x1, #{offset}]", x2=value)
    assert (value, value) == (cpu.gpr[3], memory_at(cpu, DATA + offset, 8))


def test_traits_and_features() -> None:
    for definition in unscaled.GROUP:
        unprivileged = definition.title.startswith(("LDTR", "STTR"))
        ordered = definition.title.startswith(("LDAPUR", "STLUR"))
        assert unprivileged == bool(definition.traits & Trait.UNPRIVILEGED)
        assert (Feature.LRCPC2 if ordered else None) == definition.feature
        assert bool(definition.traits & Trait.LOADS) == definition.title.startswith("LD")
        assert bool(definition.traits & Trait.STORES) == definition.title.startswith("ST")
