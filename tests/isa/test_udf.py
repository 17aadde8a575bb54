"""UDF: undefined whatever its immediate says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.errors import AssemblyError
from aarch64.isa.table import assemble, disassemble
from tests.isa.running import UNDEFINED_AT_EL1, make_cpu, syndrome

PREFERRED = [
    (0x00000000, "udf #0"),
    (0x0000FFFF, "udf #65535"),
]


@pytest.mark.parametrize(("word", "text"), PREFERRED)
def test_preferred_text(word, text):
    assert text == disassemble(word)
    assert word == assemble(text)


@pytest.mark.parametrize("text", ["udf #65536", "udf #-1", "udf"])
def test_refused(text):
    with pytest.raises(AssemblyError):
        assemble(text)


@given(immediate=st.integers(0, 65535))
def test_it_is_undefined(immediate):
    assert UNDEFINED_AT_EL1 == syndrome(make_cpu(), f"udf #{immediate}")
