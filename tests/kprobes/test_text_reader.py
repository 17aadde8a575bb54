"""The text of a machine, read from memory: as it is now, and as it was before any probe."""

import pytest

from aarch64.assembler import assemble_source
from aarch64.isa.table import assemble
from aarch64.machine import Machine
from kprobes import STRICT, Kprobe, Kprobes, RegistrationError
from kprobes.arch.host import MachineHost
from kprobes.arch.text import TextReader

BASE = 0x4000_0000


def make():
    machine = Machine()
    machine.load(assemble_source("_start: add x0, x0, #1\nadd x0, x0, #2\nret\n", base=BASE))
    return machine, Kprobes(machine, STRICT)


def reader_of(machine, kprobes):
    return TextReader(machine, MachineHost(machine, {}), lambda: kprobes.registry.original_words)


def test_a_text_that_has_not_changed_is_the_same_object_whatever_is_armed():
    machine, kprobes = make()
    reader = reader_of(machine, kprobes)
    before = reader.now()
    kprobes.register(Kprobe("_start"))
    assert reader.now() is before
    assert before.instruction(BASE).text() == "add x0, x0, #1"


def test_what_has_been_written_is_read():
    machine, kprobes = make()
    reader = reader_of(machine, kprobes)
    before = reader.now()
    machine.memory.write(BASE + 4, 4, assemble("ldxr w1, [x2]"))
    assert reader.now() is not before
    assert reader.now().instruction(BASE + 4).text() == "ldxr w1, [x2]"


def test_a_verdict_is_of_the_text_as_it_is():
    """The first look is kept, but not for another text."""
    machine, kprobes = make()
    kprobes.register(probe := Kprobe(address=BASE + 4))
    kprobes.unregister(probe)
    machine.memory.write(BASE, 4, assemble("ldxr w1, [x2]"))
    machine.memory.write(BASE + 8, 4, assemble("stxr w3, w1, [x2]"))
    with pytest.raises(RegistrationError, match="from a load-exclusive"):
        kprobes.register(Kprobe(address=BASE + 4))


def test_outside_of_the_text_there_is_nothing():
    machine, kprobes = make()
    text = reader_of(machine, kprobes).now()
    assert [text.instruction(address) for address in (BASE - 4, BASE + 2, BASE + 12, 0)] == [None] * 4
