"""Fetching: the straight path of `step`, which keeps the last page, finds what the careful path finds."""

from hypothesis import example, given
from hypothesis import strategies as st

from aarch64.features import DEFAULT_FEATURES
from aarch64.interpreter import Interpreter
from aarch64.isa.table import assemble
from aarch64.memory import PAGE_SIZE, Memory

RAM = 0x4000_0000
RAM_END = RAM + 4 * PAGE_SIZE
TAG = 0xA5 << 56
NOP = assemble("nop")
MOV_X0 = assemble("mov x0, #0")
PROGRAM = b"".join((MOV_X0 | number << 5).to_bytes(4, "little") for number in range(PAGE_SIZE))
"""`mov x0, #n` in the n-th word."""


def make_cpu() -> Interpreter:
    """A CPU at EL1, its RAM full of `PROGRAM`, which ignores the top byte of addresses."""
    memory = Memory(RAM, RAM_END - RAM)
    memory.write_bytes(RAM, PROGRAM)
    cpu = Interpreter(memory, DEFAULT_FEATURES)
    cpu.sysregs["TCR_EL1"] = 1 << 37
    cpu.sysregs["VBAR_EL1"] = RAM
    return cpu


ADDRESSES = st.integers(RAM - 8, RAM_END + 8) | st.sampled_from([RAM_END - 4, RAM + PAGE_SIZE - 4, (1 << 64) - 4])


@given(st.lists(ADDRESSES.map(lambda address: address & ~3) | ADDRESSES | ADDRESSES.map(TAG.__or__), max_size=8))
@example([RAM, RAM + 2])
@example([RAM_END - 4, RAM_END])
@example([RAM, RAM | TAG, RAM ^ 1 << 63])
def test_every_address_is_fetched_from_as_the_careful_path_does(addresses):
    straight, careful = make_cpu(), make_cpu()
    careful.observers.append(lambda _cpu, _pc, _word: None)
    left = []
    for cpu in (straight, careful):
        cpu.step()
        for address in addresses:
            cpu.pc = address
            cpu.step()
            left.append((cpu.pc, cpu.gpr[0], cpu.retired, cpu.sysregs["ESR_EL1"], cpu.sysregs["FAR_EL1"]))
    assert left[: len(addresses)] == left[len(addresses) :]


def test_a_word_just_written_is_what_is_executed():
    cpu = make_cpu()
    for value in (7, 8):
        cpu.pc = RAM
        cpu.step()
        cpu.memory.write(RAM + 4, 4, assemble(f"mov x0, #{value}"))
        cpu.step()
        assert value == cpu.gpr[0]


def test_a_page_made_after_the_save_is_empty_after_the_restore():
    cpu = Interpreter(Memory(RAM, PAGE_SIZE), DEFAULT_FEATURES)
    saved = cpu.memory.save()
    cpu.memory.write(RAM, 4, NOP)
    cpu.memory.write(RAM + 4, 4, NOP)
    cpu.pc = RAM
    cpu.step()
    cpu.step()
    cpu.memory.restore(saved)
    assert saved == cpu.memory.save()
    cpu.pc = RAM
    retired = cpu.retired
    cpu.step()
    assert retired == cpu.retired  # a word of zeros is undefined
