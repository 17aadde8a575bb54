"""Slots: states, pages, garbage; what they are made of in the guest's memory; patching text."""

import pytest

from kprobes import V5_10, V7_2, V15, Kprobe, Kprobes, RegistrationError
from kprobes.engine import BRK_KPROBE, BRK_SLOT
from kprobes.errors import Errno
from kprobes.patching import Method, Patch, is_safe
from kprobes.slots import PAGE_SIZE, Slots, SlotState
from tests.kprobes.guest import BASE, KERNELS, STEPPING, make, of

each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=of)

LARGEST = (1 << 48) - BASE
"""Bytes of RAM, of which there can be no more."""

SOURCE = """
square: mul     x0, x0, x0
        nop
        add     x0, x0, #1
        ret
"""


class Pages:
    """Addresses of pages, up to a number of them."""

    def __init__(self, most: int) -> None:
        self.given = 0
        self._most = most

    def __call__(self) -> int | None:
        if self.given == self._most:
            return None
        self.given += 1
        return 0x10_0000 * self.given


def make_slots(words: int = 1, most: int = 8) -> tuple[Slots, Pages]:
    pages = Pages(most)
    return Slots(words, pages), pages


@pytest.mark.parametrize(("words", "count"), [(1, 1024), (2, 512)])
def test_slots_of_a_page(words, count):
    slots, pages = make_slots(words)
    given = [slots.get() for _ in range(count)]
    assert [0x10_0000 + 4 * words * n for n in range(count)] == given
    assert (1, count, count) == (pages.given, slots.per_page, slots.pages[0].used)
    assert 0x20_0000 == slots.get()
    assert 2 == pages.given


def test_states_of_a_slot():
    slots, _ = make_slots()
    first, second = slots.get(), slots.get()
    assert (SlotState.USED, SlotState.USED, SlotState.CLEAN) == tuple(map(slots.state, (first, second, second + 4)))
    slots.free(first, dirty=False)
    slots.free(second, dirty=True)
    assert (SlotState.CLEAN, SlotState.DIRTY) == (slots.state(first), slots.state(second))
    assert (0, 1, 2) == tuple(SlotState)


def test_a_clean_slot_is_used_again_and_a_dirty_one_is_not():
    slots, _ = make_slots()
    first, second, third = slots.get(), slots.get(), slots.get()
    slots.free(second, dirty=True)
    slots.free(first, dirty=False)
    assert [first, third + 4] == [slots.get(), slots.get()]


def test_garbage_is_collected_before_a_page_is_asked_for():
    slots, pages = make_slots()
    given = [slots.get() for _ in range(1024)]
    slots.free(given[5], dirty=True)
    slots.free(given[9], dirty=True)
    assert ([given[5], given[9]], 1) == ([slots.get(), slots.get()], pages.given)
    assert (given[0] & -PAGE_SIZE) + 0x10_0000 == slots.get()


def test_garbage_is_collected_when_it_is_more_than_a_page():
    slots, _ = make_slots(words=2)
    given = [slots.get() for _ in range(600)]
    for address in given[:512]:
        slots.free(address, dirty=True)
    assert SlotState.DIRTY is slots.state(given[0])
    slots.free(given[512], dirty=True)
    assert {SlotState.CLEAN} == {slots.state(address) for address in given[:513]}


def test_collecting_tells_whether_there_was_any():
    slots, _ = make_slots()
    address = slots.get()
    assert not slots.collect_garbage()
    slots.free(address, dirty=True)
    assert slots.collect_garbage()


def test_no_more_memory():
    slots, _ = make_slots(most=1)
    assert None not in [slots.get() for _ in range(1024)]
    assert slots.get() is None


def test_a_page_that_is_free_is_kept():
    slots, pages = make_slots()
    slots.free(slots.get(), dirty=False)
    assert (0x10_0000, 1, 1) == (slots.get(), pages.given, len(slots.pages))
    assert 0x10_0000 in slots
    assert 0x10_0000 + PAGE_SIZE not in slots


# --- in a guest


@each_kernel
def test_a_slot_holds_the_instruction_and_what_ends_it(kernel):
    guest = make(kernel, SOURCE)
    word = guest.word("square")
    slot = guest.probe("square").execution.slot
    assert word == guest.word(slot)
    assert (0 if kernel in STEPPING else BRK_SLOT) == guest.word(slot + 4)
    assert slot + (4 if kernel in STEPPING else 8) == guest.probe("square", 8).execution.slot
    assert (1024 if kernel in STEPPING else 512) == guest.kprobes.slots.per_page


@each_kernel
def test_slots_are_outside_of_all_that_the_program_knows(kernel):
    guest = make(kernel, SOURCE)
    end = guest.machine.ram_end
    slot = guest.probe("square").execution.slot
    assert end == slot
    assert slot % PAGE_SIZE == 0
    with pytest.raises(RegistrationError, match=r"no code|no symbol"):
        guest.kprobes.register(Kprobe(address=slot))


def test_nop_has_no_slot_in_v7_2():
    guest = make(V7_2, SOURCE)
    probe = guest.probe("square", 4)
    assert probe.execution.slot is None
    assert [] == guest.kprobes.slots.pages
    assert 26 == guest.call("square", 5)
    assert [1, 3, 6] == guest.rows


def test_without_room_for_a_slot_there_is_no_probe():
    guest = make(V15, SOURCE, ram=LARGEST - PAGE_SIZE)
    word = guest.word("square")
    with pytest.raises(RegistrationError, match="no memory for a slot") as raised:
        guest.probe("square")
    assert (Errno.ENOMEM, word) == (raised.value.errno, guest.word("square"))
    assert [] == list(guest.kprobes.registry)


def test_without_room_for_a_page_there_are_no_kprobes():
    with pytest.raises(RegistrationError, match="have less RAM") as raised:
        make(V15, SOURCE, ram=LARGEST)
    assert Errno.ENOMEM is raised.value.errno


# --- patching text

SAFE = [
    ("b", 0x1400_0001, True), ("bl", 0x9400_0001, True), ("svc", 0xD400_0001, True), ("hvc", 0xD400_0002, True),
    ("smc", 0xD400_0003, True), ("brk", 0xD420_0080, True), ("nop", 0xD503_201F, True), ("paciasp", 0xD503_233F, True),
    ("yield", 0xD503_203F, False), ("wfe", 0xD503_205F, False), ("wfi", 0xD503_207F, False),
    ("sev", 0xD503_209F, False), ("sevl", 0xD503_20BF, False), ("hlt", 0xD440_0000, False),
    ("b.eq", 0x5400_0020, False), ("ret", 0xD65F_03C0, False), ("add", 0x9100_0400, False), ("isb", 0xD503_3FDF, False),
]  # fmt: skip


@pytest.mark.parametrize(("word", "safe"), [row[1:] for row in SAFE], ids=[row[0] for row in SAFE])
def test_what_may_be_replaced_while_it_is_executed(word, safe):
    assert safe == is_safe(word)


@each_kernel
def test_arming_on_a_nop_is_cheap_and_on_anything_else_stops_the_world(kernel):
    guest = make(kernel, SOURCE)
    mul, nop = guest.word("square"), guest.word(guest.at("square", 4))
    first, second = guest.probe("square"), guest.probe("square", 4)
    guest.kprobes.unregister(first, second)
    at = guest.at("square")
    assert [
        Patch(at, mul, BRK_KPROBE, Method.STOPPED),
        Patch(at + 4, nop, BRK_KPROBE, Method.LIVE),
        Patch(at, BRK_KPROBE, mul, Method.STOPPED),
        Patch(at + 4, BRK_KPROBE, nop, Method.LIVE),
    ] == list(guest.kprobes.patches)


@pytest.mark.parametrize("exact", [True, False], ids=["exact", "fast"])
def test_what_is_patched_is_executed_at_once_in_both_tiers(exact):
    source = "count: add x1, x1, #1\n subs x0, x0, #1\n b.ne count\n mov x0, x1\n ret\n"
    guest, hits = make(V5_10, source, exact=exact), []
    assert 500 == guest.call("count", 500)
    probe = guest.probe("count", pre_handler=lambda *_: hits.append(1))
    guest.cpu.gpr[1] = 0
    assert (500, 500) == (guest.call("count", 500), len(hits))
    guest.kprobes.unregister(probe)
    guest.cpu.gpr[1] = 0
    assert (500, 500) == (guest.call("count", 500), len(hits))


def test_closing_puts_everything_back():
    guest = make(V15, SOURCE)
    word = guest.word("square")
    with guest.kprobes as kprobes:
        guest.probe("square")
        assert BRK_KPROBE == guest.word("square")
        assert isinstance(kprobes, Kprobes)
    assert (word, []) == (guest.word("square"), list(guest.cpu.hooks))
    guest.kprobes.close()
