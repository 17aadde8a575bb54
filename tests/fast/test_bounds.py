"""What the hot path keeps is bounded, whatever a guest does; and what it compiles can be looked at."""

import gc
import traceback
import tracemalloc
from types import FunctionType

import pytest

from aarch64.assembler import assemble_source
from aarch64.fast import hot_path
from aarch64.machine import Machine

# Writes `add x0, x0, #1; ret` into one page after another, and calls it three times.
GENERATOR = """
_start: ldr     x20, =0x44000000
        ldr     x1, =0xd65f03c091000400
        mov     x0, #0
1:      str     x1, [x20]
        dc      cvau, x20
        dsb     ish
        ic      ivau, x20
        isb
        mov     x21, #3
2:      blr     x20
        subs    x21, x21, #1
        b.ne    2b
        add     x20, x20, #4096
        b       1b
"""


def machine_of(source, *, exact=False):
    machine = Machine(exact=exact)
    machine.load(assemble_source(source, filename="test.s", base=0x4000_0000))
    if machine.hot_path:
        machine.hot_path.threshold = 1
    return machine


@pytest.fixture
def few_blocks(monkeypatch):
    monkeypatch.setattr(hot_path, "MOST_BLOCKS", 50)
    return 50


def live_blocks():
    """How many compiled functions there are in this process."""
    gc.collect()
    return sum(isinstance(thing, FunctionType) and thing.__name__.startswith("block_") for thing in gc.get_objects())


def test_code_that_is_generated_for_ever_is_not_kept(few_blocks):
    """Every function is compiled, and most are gone again."""
    machine, exact = machine_of(GENERATOR), machine_of(GENERATOR, exact=True)
    made, before = set(), live_blocks()
    for _ in range(60):
        machine.run(200)
        exact.run(200)
        assert exact.cpu.gpr == machine.cpu.gpr
        assert len(machine.hot_path._made) <= few_blocks
        made |= {block.start for block in machine.hot_path._made.values()}
    assert len(made) > 5 * few_blocks
    assert live_blocks() - before <= few_blocks


def test_machines_leave_nothing_behind():
    sizes = []
    tracemalloc.start()
    try:
        for _ in range(6):
            machine_of("_start: add x0, x0, #1\nb _start").run(1000)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert sizes[-1] - sizes[2] < 10_000


def test_a_traceback_shows_the_source_of_a_block():
    machine = machine_of("_start: add x0, x0, #1\nb _start")

    def observer(cpu, _pc, _word):
        if cpu.cycles == 100:
            raise LookupError

    machine.cpu.observers.append(observer)
    with pytest.raises(LookupError) as raised:
        machine.run(1000)
    shown = "".join(traceback.format_exception(raised.value))
    assert "in watched_40000000_el1\n    observe(cpu, " in shown
    assert machine.cpu.cycles == 100
