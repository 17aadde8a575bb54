"""Several probes on one instruction."""

import pytest

from kprobes import V4_8, Jprobe, Kprobe, RegistrationError
from kprobes.aggregate import Manager
from kprobes.engine import BRK_KPROBE
from kprobes.errors import Errno
from kprobes.slots import SlotState
from kprobes.transitions import State
from tests.kprobes.guest import KERNELS, STEPPING, UNMAPPED, make, of

each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=of)

SOURCE = """
square: mul     x0, x0, x0
        add     x0, x0, #1
        ret
helper: add     x0, x0, #1
        ret
peeks:  ldr     x0, [x0]
        ret
"""


class Trace:
    """Probes that write down which of their handlers was called."""

    def __init__(self, kernel) -> None:
        self.guest = make(kernel, SOURCE)
        self.calls: list[str] = []

    def probe(self, name: str, *, post: bool = True, answer: int = 0, symbol: str = "square") -> Kprobe:
        def before(_probe, _regs):
            self.calls.append(f"{name} pre")
            return answer

        after = (lambda _probe, _regs: self.calls.append(f"{name} post")) if post else None
        return self.guest.probe(symbol, pre_handler=before, post_handler=after)

    def hit(self) -> list[str]:
        self.calls.clear()
        assert 26 == self.guest.call("square", 5)
        return list(self.calls)

    @property
    def manager(self) -> Kprobe:
        found = self.guest.kprobes.registry.lookup(self.guest.at("square"))
        assert found is not None
        return found


@pytest.fixture(params=KERNELS, ids=of)
def trace(request) -> Trace:
    return Trace(request.param)


def test_the_newest_is_called_first_before_and_after(trace):
    for name in "abc":
        trace.probe(name)
    assert ["c pre", "b pre", "a pre", "c post", "b post", "a post"] == trace.hit()
    assert [1, 2, 5, 6] == trace.guest.rows


def test_a_second_probe_makes_a_manager_with_the_slot_and_the_word_of_the_first(trace):
    first = trace.probe("a")
    assert first is trace.manager
    second = trace.probe("b")
    manager = trace.manager
    assert isinstance(manager, Manager)
    assert [second, first] == manager.children
    assert first.execution == second.execution == manager.execution
    assert first.opcode == second.opcode == manager.opcode
    assert 1 == sum(page.used for page in trace.guest.kprobes.slots.pages)
    assert BRK_KPROBE == trace.guest.word("square")
    assert [second, first] == list(trace.guest.kprobes.registry)


def test_a_manager_has_a_post_handler_only_while_a_child_has(trace):
    trace.probe("a", post=False)
    second = trace.probe("b", post=False)
    assert trace.manager.post_handler is None
    third = trace.probe("c")
    assert trace.manager.post_handler is not None
    trace.guest.kprobes.unregister(third)
    assert trace.manager.post_handler is None
    assert ["b pre", "a pre"] == trace.hit()
    trace.guest.kprobes.unregister(second)
    assert ["a pre"] == trace.hit()


def test_disabled_children_are_passed_over(trace):
    probes = {name: trace.probe(name) for name in "abc"}
    trace.guest.kprobes.disable(probes["b"])
    assert ["c pre", "a pre", "c post", "a post"] == trace.hit()
    trace.guest.kprobes.enable(probes["b"])
    assert ["c pre", "b pre", "a pre", "c post", "b post", "a post"] == trace.hit()


def test_the_breakpoint_goes_when_the_last_enabled_child_is_disabled_and_comes_back_with_the_first(trace):
    guest = trace.guest
    word = guest.word("square")
    first, second = trace.probe("a"), trace.probe("b")
    guest.kprobes.disable(first)
    assert BRK_KPROBE == guest.word("square")
    guest.kprobes.disable(second)
    assert ([], word) == (trace.hit(), guest.word("square"))
    guest.kprobes.enable(first)
    assert (["a pre", "a post"], BRK_KPROBE) == (trace.hit(), guest.word("square"))


def test_an_enabled_probe_that_joins_a_disabled_one_arms_it(trace):
    guest = trace.guest
    guest.kprobes.disable(trace.probe("a"))
    trace.probe("b")
    assert (["b pre", "b post"], BRK_KPROBE) == (trace.hit(), guest.word("square"))


def test_the_manager_goes_with_its_last_child(trace):
    guest = trace.guest
    word = guest.word("square")
    first, second = trace.probe("a"), trace.probe("b")
    slot = first.execution.slot
    guest.kprobes.unregister(first)
    assert (["b pre", "b post"], SlotState.USED) == (trace.hit(), guest.kprobes.slots.state(slot))
    assert isinstance(trace.manager, Manager)  # it stays while there is one child
    guest.kprobes.unregister(second)
    assert ([], word, SlotState.CLEAN) == (trace.hit(), guest.word("square"), guest.kprobes.slots.state(slot))
    assert guest.kprobes.registry.lookup(guest.at("square")) is None


def test_a_pre_handler_that_redirects_is_the_last_one_called(trace):
    guest = trace.guest
    trace.probe("a")

    def redirect(_probe, regs):
        trace.calls.append("b pre")
        regs.pc, regs.x[0] = regs.x[30], 7
        return 1

    guest.probe("square", pre_handler=redirect)
    trace.probe("c")
    assert 7 == guest.call("square", 5)
    assert (["c pre", "b pre"], [1, 4]) == (trace.calls, guest.rows)


def test_a_miss_is_counted_with_every_child_and_not_with_the_manager(trace):
    guest = trace.guest
    outer = guest.probe("helper", pre_handler=lambda *_: guest.call("square", 5) and None)
    children = [trace.probe(name) for name in "abc"]
    guest.kprobes.disable(children[1])
    assert 11 == guest.call("helper", 10)
    assert ([1, 1, 1], 0, 0, []) == (
        [child.nmissed for child in children], trace.manager.nmissed, outer.nmissed, trace.calls,
    )  # fmt: skip
    assert [1, 7, 8, 8, 2, 5, 6] == guest.rows


def test_handlers_of_one_child_may_hit_the_instruction_again(trace):
    guest = trace.guest
    quiet = trace.probe("a")
    loud = guest.probe("square", pre_handler=lambda *_: guest.call("square", 3) and None)
    assert ["a pre", "a post"] == trace.hit()
    assert (1, 1, State.IDLE) == (quiet.nmissed, loud.nmissed, guest.state)


@pytest.mark.parametrize("kernel", KERNELS[:3], ids=of)
def test_a_fault_is_offered_to_the_child_whose_handler_faults(kernel):
    guest, asked = make(kernel, SOURCE), []
    guest.turn_on_mmu()

    def mend(probe, regs):
        asked.append(probe)
        regs.pc = regs.x[30]
        return 1

    first = guest.probe("square", pre_handler=lambda *_: guest.call("peeks", UNMAPPED) and None, fault_handler=mend)
    others = [guest.probe("square", pre_handler=lambda *_: 0, fault_handler=mend) for _ in range(2)]
    assert 26 == guest.call("square", 5)
    assert ([first], [1, 1, 1]) == (asked, [probe.nmissed for probe in (first, *others)])
    assert guest.kprobes.engine.block.child is None


@pytest.mark.parametrize("kernel", STEPPING, ids=of)
def test_a_jprobe_is_last_whenever_it_came_and_there_is_one_only(kernel):
    trace = Trace(kernel)
    trace.guest.kprobes.register(Jprobe(lambda _regs: trace.calls.append("jprobe"), "square"))
    for name in "ab":
        trace.probe(name)
    assert ["b pre", "a pre", "jprobe", "b post", "a post"] == trace.hit()
    with pytest.raises(RegistrationError, match="only one may be") as raised:
        trace.guest.kprobes.register(Jprobe(lambda _regs: None, "square"))
    assert Errno.EEXIST is raised.value.errno
    assert ["b pre", "a pre", "jprobe", "b post", "a post"] == trace.hit()


def test_two_jprobes_alone():
    guest, calls = make(V4_8, SOURCE), []
    first = Jprobe(lambda _regs: calls.append("first"), "square")
    guest.kprobes.register(first)
    with pytest.raises(RegistrationError) as raised:
        guest.kprobes.register(Jprobe(lambda _regs: calls.append("second"), "square"))
    assert Errno.EEXIST is raised.value.errno
    assert (26, ["first"]) == (guest.call("square", 5), calls)
    guest.kprobes.unregister(first)
    guest.kprobes.register(Jprobe(lambda _regs: calls.append("third"), "square"))
    assert (26, ["first", "third"]) == (guest.call("square", 5), calls)


@each_kernel
def test_a_child_that_unregisters_itself_or_another_in_its_handler(kernel):
    guest, calls = make(kernel, SOURCE), []
    last = guest.probe("square", pre_handler=lambda *_: calls.append("last"))

    def leave(probe, _regs):
        calls.append("leaving")
        guest.kprobes.unregister(probe, last)

    guest.probe("square", pre_handler=leave)
    word = last.opcode
    assert 26 == guest.call("square", 5)
    assert ("leaving", word, State.IDLE) == (calls[0], guest.word("square"), guest.state)
    calls.clear()
    assert (26, []) == (guest.call("square", 5), calls)
