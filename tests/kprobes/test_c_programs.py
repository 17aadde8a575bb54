"""Probes on what gcc makes of C functions, without and with optimization."""

import pytest

from aarch64.loader import load_program
from kprobes.jprobes import Jprobe
from kprobes.probe import GuestFunction
from kprobes.returns import Kretprobe
from kprobes.stacks import FixedCopy, FramePointerDelta, NoCopy
from tests.kprobes.guests import KERNELS, Guest, kernels, make_guest
from tests.programs.compared import build_c

VARIANTS = ("O0", "O2")
SOME, MANY = sum(range(1, 13)), sum(range(1, 29))
"""What `some` and `many` make of arguments that are all 1."""
REGISTERS = sum(range(1, 9))
"""What those do that are in registers."""


def load(variant: str, kernel: str = "v15") -> Guest:
    return make_guest(load_program(build_c("jprobes", variant)), KERNELS[kernel])


SUMS = {
    "some, v15": ("some", FixedCopy(128), SOME),
    "many, v15: 4 of 20 are not kept": ("many", FixedCopy(128), MANY - 25 - 26 - 27 - 28),
    "many, 160 bytes": ("many", FixedCopy(160), MANY),
    "some, by the frame": ("some", FramePointerDelta(128), SOME),
    "many, by the frame": ("many", FramePointerDelta(160), MANY),
    "some, nothing kept": ("some", NoCopy(), REGISTERS),
    "many, nothing kept": ("many", NoCopy(), REGISTERS),
}


@pytest.mark.parametrize(("name", "policy", "total"), SUMS.values(), ids=SUMS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_arguments_on_the_stack_that_a_handler_overwrites(variant, name, policy, total):
    guest = load(variant)
    jprobe = Jprobe(GuestFunction(f"{name}_handler"), name, stack=policy)
    guest.kprobes.register(jprobe)
    assert total + 1 == guest.call(f"call_{name}", 1)
    assert 0 == jprobe.nmissed
    assert [12 if name == "some" else 8] == guest.words("seen")


@pytest.mark.parametrize("variant", VARIANTS)
def test_more_arguments_than_there_is_room_for_skip_the_hook_and_the_function_is_right(variant):
    guest = load(variant)
    jprobe = Jprobe(GuestFunction("many_handler"), "many", stack=FramePointerDelta(128))
    guest.kprobes.register(jprobe)
    assert MANY + 1 == guest.call("call_many", 1)
    assert (1, [0]) == (jprobe.nmissed, guest.words("seen"))
    assert "160 bytes of arguments on the stack are more than the 128 there is room for" in guest.messages[0]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(**kernels())
def test_the_whole_program_with_return_probes_on_all_that_it_calls(profile, variant):
    guest = load(variant, profile.name)
    returned = []
    for name in ("some", "many", "call_some", "call_many"):
        guest.kprobes.register(
            Kretprobe(lambda instance, regs: returned.append((instance.owner.symbol, regs.return_value)), name)
        )
    assert SOME + 1 == guest.call("call_some", 1)
    assert MANY + 1 == guest.call("call_many", 1)
    assert [("some", SOME), ("call_some", SOME + 1), ("many", MANY), ("call_many", MANY + 1)] == returned
