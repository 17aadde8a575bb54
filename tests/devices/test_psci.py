"""PSCI calls; every answer is what QEMU 7.2's virt board gave to the same call."""

import pytest

from aarch64.cpu import Conduit, Cpu, Wait
from aarch64.devices.psci import Power, Psci, conduit_for
from aarch64.features import DEFAULT_FEATURES
from aarch64.memory import Memory

NOT_SUPPORTED, INVALID_PARAMETERS, ALREADY_ON = (2**64 - code for code in (1, 2, 4))


def make(max_el=1):
    cpu = Cpu(Memory(0x4000_0000, 0x1000), DEFAULT_FEATURES, max_el=max_el)
    requests = []
    return cpu, Psci(cpu, requests.append), requests


@pytest.mark.parametrize(
    ("function", "first", "second", "answer"),
    [
        (0x84000000, 0, 0, 0x10001),
        (0xC4000000, 0, 0, NOT_SUPPORTED),
        (0x84000001, 0xFFFFFFFF, 0, INVALID_PARAMETERS),
        (0x84000003, 0, 0, ALREADY_ON),
        (0x84000003, 1, 0, INVALID_PARAMETERS),
        (0xC4000003, 0, 0, ALREADY_ON),
        (0xC4000003, 1, 0, INVALID_PARAMETERS),
        (0x84000004, 0, 0, 0),
        (0x84000004, 0, 1, 0),
        (0x84000004, 5, 0, INVALID_PARAMETERS),
        (0x84000004, 5, 1, 0),
        (0x84000004, 0, 9, 0),
        (0x84000005, 0, 0, NOT_SUPPORTED),
        (0x84000006, 0, 0, 2),
        (0xC4000006, 0, 0, NOT_SUPPORTED),
        (0x84000007, 0, 0, NOT_SUPPORTED),
        (0xC4000008, 0, 0, NOT_SUPPORTED),
        (0x80000000, 0, 0, NOT_SUPPORTED),
        (0x12345678, 0, 0, NOT_SUPPORTED),
        (0x184000000, 0, 0, NOT_SUPPORTED),
        (0, 0, 0, NOT_SUPPORTED),
        (0x8400000A, 0x84000000, 0, 0),
        (0x8400000A, 0x84000001, 0, 0),
        (0x8400000A, 0xC4000001, 0, 0),
        (0x8400000A, 0x84000002, 0, 0),
        (0x8400000A, 0xC4000002, 0, NOT_SUPPORTED),
        (0x8400000A, 0x84000003, 0, 0),
        (0x8400000A, 0xC4000003, 0, 0),
        (0x8400000A, 0x84000004, 0, 0),
        (0x8400000A, 0xC4000004, 0, 0),
        (0x8400000A, 0x84000005, 0, NOT_SUPPORTED),
        (0x8400000A, 0x84000006, 0, 0),
        (0x8400000A, 0x84000007, 0, NOT_SUPPORTED),
        (0x8400000A, 0x84000008, 0, 0),
        (0x8400000A, 0xC4000008, 0, NOT_SUPPORTED),
        (0x8400000A, 0x84000009, 0, 0),
        (0x8400000A, 0x8400000A, 0, 0),
        (0x8400000A, 0x8400000B, 0, NOT_SUPPORTED),
        (0x8400000A, 0x80000000, 0, NOT_SUPPORTED),
        (0xC400000A, 0x84000000, 0, NOT_SUPPORTED),
    ],
)
def test_answers(function, first, second, answer):
    cpu, psci, requests = make()
    cpu.gpr[0:3] = function, first, second
    assert psci.call(Conduit.HVC)
    assert ([answer, first, second], []) == (cpu.gpr[0:3], requests)


@pytest.mark.parametrize(
    ("function", "power"),
    [(0x84000008, Power.OFF), (0x84000009, Power.RESET), (0x84000002, Power.CPU_OFF)],
)
def test_requests(function, power):
    cpu, psci, requests = make()
    cpu.gpr[0] = function
    assert psci.call(Conduit.HVC)
    assert [power] == requests


@pytest.mark.parametrize("function", [0x84000001, 0xC4000001])
def test_suspending_waits_for_an_interrupt(function):
    cpu, psci, _ = make()
    cpu.gpr[0:2] = function, 0
    assert psci.call(Conduit.HVC)
    assert (cpu.gpr[0], cpu.waiting) == (0, Wait.INTERRUPT)


@pytest.mark.parametrize(("max_el", "conduit"), [(1, Conduit.HVC), (2, Conduit.SMC), (3, None)])
def test_the_conduit_is_the_instruction_that_has_no_level_to_go_to(max_el, conduit):
    assert conduit is conduit_for(max_el)
    _, psci, _ = make(max_el)
    assert [item is conduit for item in Conduit] == [psci.call(item) for item in Conduit]
