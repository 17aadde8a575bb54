"""Registration: errors, the order in which they are looked for, blacklists; disabling, and taking away."""

import attrs
import pytest

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from kprobes import V4_8, V5_10, V7_2, V15, Jprobe, Kprobe, Kprobes, Kretprobe, ProbeFlag, RegistrationError
from kprobes.engine import BRK_KPROBE
from kprobes.errors import Errno
from kprobes.layout import SECTIONS
from kprobes.slots import SlotState
from tests.kprobes.guest import BASE, KERNELS, STACK, STEPPING, make, of

each_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=of)

SOURCE = """
        nop                             // before any symbol
first:  add     x0, x0, #1
        ret
square: mul     x0, x0, x0
        add     x0, x0, #1
        ret
helper: add     x0, x0, #2
        ret
waits:  wfi
        ret
traced: nop
        ret
jumps:  nop
        ret
bug:    brk     #0x800
bug2:   add     x0, x0, #1
        ret
faults: ldr     x0, [x0]
        ret
both:   ldr     x0, [x0]                // a jump label with an entry in the exception table
        ret
worse:  add     x0, x0, #1              // a jump label that is a bug, too
        ret
secret: add     x0, x0, #1
        ret
secret.isra.0: add x0, x0, #1
        ret
open.isra.0: add x0, x0, #1
        ret
__cfi_checked: add x0, x0, #1
checked: add    x0, x0, #1
        ret
__pfx_padded: nop
padded: ret
        .section .kprobes.text, "ax"
core:   add     x0, x0, #1
        ret
        .section .exception.text, "ax"
handler: add    x0, x0, #1
handler_waits: wfi
        ret
        .section _kprobe_blacklist, "a"
        .quad   secret
        .section __mcount_loc, "a"
        .quad   traced, 0x1000
        .section __jump_table, "aw"
        .word   jumps - ., 0, 0, 0
        .word   both - ., 0, 0, 0
        .word   worse - ., 0, 0, 0
        .word   core - ., 0, 0, 0
        .section __bug_table, "aw"
        .word   bug - ., 0, 0
        .word   bug2 - ., 0, 0
        .word   worse - ., 0, 0
        .word   bug2 + 2 - ., 0, 0
        .section __ex_table, "a"
        .word   faults - ., first - .
        .word   both - ., first - .
"""


def start(kernel, **options):
    return make(kernel, SOURCE, **options)


def refused(guest, probe, why: str | None = None) -> RegistrationError:
    """The error that a probe is refused with, whose reason matches `why`; nothing must have changed."""
    text = guest.machine.memory.read_bytes(BASE, 0x200)
    listed = list(guest.kprobes.registry)
    with pytest.raises(RegistrationError, match=why) as raised:
        guest.kprobes.register(probe)
    assert text == guest.machine.memory.read_bytes(BASE, 0x200)
    assert listed == list(guest.kprobes.registry)
    return raised.value


# --- what is refused, and by which kernel

ALL, NONE = KERNELS, ()
OLD = (V15, V4_8, V5_10)
SINCE_5_10 = (V5_10, V7_2)
ERRORS = [
    ("neither symbol nor address", Kprobe, Errno.EINVAL, ALL, "needs a symbol or an address"),
    ("symbol and address", lambda: Kprobe("square", address=BASE + 12), Errno.EINVAL, ALL, "not both"),
    ("negative offset", lambda: Kprobe("square", -4), Errno.EINVAL, ALL, "the offset -0x4"),
    ("offset of more than 32 bits", lambda: Kprobe("square", 1 << 32), Errno.EINVAL, ALL, "the offset 0x100000000"),
    ("offset beyond the text", lambda: Kprobe("square", 0xFFFF_FFFC), Errno.EINVAL, OLD, "no code at"),
    ("offset beyond the text", lambda: Kprobe("square", 0xFFFF_FFFC), Errno.ENOENT, (V7_2,), "no symbol for"),
    ("offset that wraps round", lambda: Kprobe(address=2**64 - 4, offset=8), Errno.EINVAL, OLD, "no code at 0x4"),
    ("offset that wraps round", lambda: Kprobe(address=2**64 - 4, offset=8), Errno.ENOENT, (V7_2,), "for 0x4"),
    ("unknown symbol", lambda: Kprobe("nothing"), Errno.ENOENT, ALL, "no symbol 'nothing'"),
    ("address without a symbol", lambda: Kprobe(address=BASE), Errno.ENOENT, (V7_2,), "no symbol for 0x40000000"),
    ("outside of the text", lambda: Kprobe(address=STACK), Errno.EINVAL, OLD, "no code at"),
    ("outside of the text", lambda: Kprobe(address=STACK), Errno.ENOENT, (V7_2,), "no symbol for"),
    ("not aligned", lambda: Kprobe("square", 2), Errno.EINVAL, ALL, "no multiple of 4"),
    ("an instruction that is rejected", lambda: Kprobe("waits"), Errno.EINVAL, ALL, "wfi.*cannot be probed"),
    ("the tracer's", lambda: Kprobe("traced"), Errno.EINVAL, ALL, "tracer"),
    ("a jump label", lambda: Kprobe("jumps"), Errno.EINVAL, ALL, "jump label"),
    ("a BUG()", lambda: Kprobe("bug"), Errno.EINVAL, ALL, r"a BUG\(\)"),
    ("in the exception table", lambda: Kprobe("faults"), Errno.EINVAL, (V4_8, V5_10, V7_2), "__ex_table"),
    ("NOKPROBE_SYMBOL", lambda: Kprobe("secret"), Errno.EINVAL, ALL, "NOKPROBE_SYMBOL"),
    ("the last word of a NOKPROBE_SYMBOL", lambda: Kprobe("secret", 4), Errno.EINVAL, ALL, "NOKPROBE_SYMBOL"),
    ("a clone of a NOKPROBE_SYMBOL", lambda: Kprobe("secret.isra.0"), Errno.EINVAL, SINCE_5_10, "NOKPROBE_SYMBOL"),
    ("a clone of nothing known", lambda: Kprobe("open.isra.0"), Errno.EINVAL, NONE, ""),
    ("before a function, for CFI", lambda: Kprobe("__cfi_checked"), Errno.EINVAL, (V7_2,), "CFI"),
    ("before a function, padding", lambda: Kprobe("__pfx_padded"), Errno.EINVAL, (V7_2,), "CFI"),
    ("what comes after that", lambda: Kprobe("checked"), Errno.EINVAL, NONE, ""),
    ("a fault handler", lambda: Kprobe("square", fault_handler=lambda *_: 0), Errno.EOPNOTSUPP, (V7_2,), "fault"),
    ("a jprobe", lambda: Jprobe(lambda _regs: None, "square"), Errno.EOPNOTSUPP, SINCE_5_10, "no jprobes any more"),
    ("a kretprobe within a function", lambda: Kretprobe(lambda *_: 0, "square", 4), Errno.EINVAL, SINCE_5_10, "entry"),
    ("a kretprobe with 4097 bytes",
     lambda: Kretprobe(lambda *_: 0, "square", data_size=4097), Errno.E2BIG, (V7_2,), "at most"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("make_probe", "errno", "why", "kernel"),
    [(row[1], row[2], row[4], kernel) for row in ERRORS for kernel in row[3]],
    ids=[f"{row[0]}-{kernel.name}" for row in ERRORS for kernel in row[3]],
)
def test_errors(make_probe, errno, why, kernel):
    error = refused(start(kernel), make_probe(), why)
    assert errno is error.errno
    assert f"(-{errno.name})" in str(error)


ACCEPTED = [(row[0], row[1], kernel) for row in ERRORS for kernel in KERNELS
            if kernel not in row[3] and not row[0].startswith(("offset", "outside"))]  # fmt: skip


@pytest.mark.parametrize(
    ("make_probe", "kernel"), [row[1:] for row in ACCEPTED], ids=[f"{row[0]}-{row[2].name}" for row in ACCEPTED]
)
def test_what_other_kernels_accept(make_probe, kernel):
    guest = start(kernel)
    probe = make_probe()
    guest.kprobes.register(probe)
    kprobe = probe if isinstance(probe, Kprobe) else probe.kprobe
    assert (BRK_KPROBE, [kprobe]) == (guest.word(kprobe.at), list(guest.kprobes.registry))


@each_kernel
def test_there_is_no_probe_among_none(kernel):
    with pytest.raises(RegistrationError, match="no probes to register") as raised:
        start(kernel).kprobes.register()
    assert Errno.EINVAL is raised.value.errno


@each_kernel
def test_the_same_probe_twice(kernel):
    guest = start(kernel)
    probe = Kprobe(address=guest.at("square"))
    guest.kprobes.register(probe)
    error = refused(guest, probe)
    assert (Errno.EINVAL, True) == (error.errno, "registered already" in error.reason)
    guest.probe("square")
    assert "registered already" in refused(guest, probe).reason  # as a child, too


def test_a_refusal_explains_itself():
    error = refused(start(V15), Kprobe("square", 8))
    assert (
        "0x40000014 (square+0x8) (ret) cannot be probed: a branch sets the PC: out of line it would go elsewhere, or "
        "not come back [aarch64_insn_is_steppable]; the nearest that can: 0x40000010 (square+0x4) before"
    ) == error.reason


# --- what is looked for first: each breaks two rules

ORDER = [
    ("both given, symbol unknown", V4_8, lambda: Kprobe("nothing", address=BASE), "not both"),
    ("address without a symbol, and without code", V7_2, lambda: Kprobe(address=STACK), "no symbol for"),
    ("the tracer's, outside of the text", V4_8, lambda: Kprobe(address=0x1000), "tracer"),
    ("outside of the text, not aligned", V4_8, lambda: Kprobe(address=STACK + 2), "no code at"),
    ("blacklisted, not aligned", V4_8, lambda: Kprobe("core", 2), r"\.kprobes\.text"),
    ("blacklisted, a jump label", V4_8, lambda: Kprobe("core"), r"\.kprobes\.text"),
    ("a jump label, a BUG()", V4_8, lambda: Kprobe("worse"), "jump label"),
    ("a BUG(), not aligned", V4_8, lambda: Kprobe("bug2", 2), r"a BUG\(\)"),
    ("a BUG(), rejected", V4_8, lambda: Kprobe("bug"), r"a BUG\(\)"),
    ("in the exception table, a jump label: blacklisted in v4.8", V4_8, lambda: Kprobe("both"), "__ex_table"),
    ("the same since v5.1", V5_10, lambda: Kprobe("both"), "jump label"),
    ("in text of exceptions, not aligned", V4_8, lambda: Kprobe("handler", 2), "no multiple of 4"),
    ("in text of exceptions, rejected", V4_8, lambda: Kprobe("handler_waits"), r"\.exception\.text"),
]  # fmt: skip


@pytest.mark.parametrize(("kernel", "make_probe", "first"), [row[1:] for row in ORDER], ids=[row[0] for row in ORDER])
def test_which_error_comes_first(kernel, make_probe, first):
    refused(start(kernel), make_probe(), first)


def test_flags_and_misses_are_set_before_the_place_is_looked_at():
    probe = Kprobe("waits", flags=ProbeFlag.DISABLED | ProbeFlag.GONE)
    probe.nmissed = 7
    refused(start(V4_8), probe)
    assert (ProbeFlag.DISABLED, 0) == (probe.flags, probe.nmissed)


def test_a_probe_that_is_registered_keeps_its_misses_when_it_is_refused():
    guest = start(V4_8)
    probe = Kprobe(address=guest.at("square"))
    guest.kprobes.register(probe)
    probe.nmissed = 7
    refused(guest, probe)
    assert 7 == probe.nmissed


def test_a_probe_that_joins_others_is_not_prepared():
    """So what is there already need not be accepted any more: here by a table that has changed since."""
    guest = start(V15)
    guest.probe("square")
    guest.kprobes.registry._layout = attrs.evolve(
        guest.kprobes.registry._layout, unprepared=guest.kprobes.registry._layout.forbidden
    )
    guest.probe("square")
    assert 2 == len(list(guest.kprobes.registry))


# --- where

PLACES = [
    ("symbol", lambda _guest: Kprobe("square"), "square"),
    ("symbol and offset", lambda _guest: Kprobe("square", 4), "square+4"),
    ("an offset that reaches the next symbol", lambda _guest: Kprobe("square", 12), "helper"),
    ("address", lambda guest: Kprobe(address=guest.at("square")), "square"),
    ("address and offset", lambda guest: Kprobe(address=guest.at("square"), offset=4), "square+4"),
]


@each_kernel
@pytest.mark.parametrize(("make_probe", "place"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_places(kernel, make_probe, place):
    guest = start(kernel)
    probe = make_probe(guest)
    guest.kprobes.register(probe)
    symbol, _, offset = place.partition("+")
    assert guest.at(symbol, int(offset or 0)) == probe.address
    assert BRK_KPROBE == guest.word(probe.at)


# --- blacklists

LISTED = """
section             v15      v4.8     v5.10    v7.2
.kprobes.text       listed   listed   listed   listed
.entry.text         -        listed   listed   listed
.idmap.text         -        listed   listed   -
.hyp.text           -        listed   listed   listed
.hyp.idmap.text     -        listed   listed   listed
.irqentry.text      -        -        listed   listed
.noinstr.text       -        -        listed   listed
.exception.text     refused  refused  -        -
.rodata             refused  refused  -        -
"""
_HEADER, *_ROWS = [line.split() for line in LISTED.strip().splitlines()]
CELLS = [(row[0], name, cell) for row in _ROWS for name, cell in zip(_HEADER[1:], row[1:], strict=True)]


def test_every_section_is_in_the_table():
    assert set(SECTIONS) == {row[0] for row in _ROWS}


@pytest.mark.parametrize(("section", "kernel", "cell"), CELLS)
def test_blacklists(section, kernel, cell):
    guest = make(kernel, "outside: nop\ninside: add x0, x0, #1\n ret\nafter: add x0, x0, #1\n ret\n")
    inside = range(guest.at("inside"), guest.at("after"))
    (image,) = guest.machine.images
    machine = Machine()
    machine.load(attrs.evolve(image, sections={section: inside}))
    kprobes = Kprobes(machine, guest.kprobes.profile)
    assert (cell == "listed") == any(item.addresses == inside for item in kprobes.blacklist)
    if cell == "-":
        kprobes.register(Kprobe("inside"))
        return
    for address in (inside.start, inside.stop - 4):
        if cell == "listed":
            with pytest.raises(RegistrationError, match=section.replace(".", r"\.")):
                kprobes.register(Kprobe(address=address))
    with pytest.raises(RegistrationError, match=section.replace(".", r"\.")) as raised:
        kprobes.register(Kprobe("inside"))
    assert Errno.EINVAL is raised.value.errno
    kprobes.register(Kprobe("after"))


def test_the_blacklist_is_listed():
    guest = start(V4_8)
    core, secret = guest.at("core"), guest.at("secret")
    assert [
        f"{core:#x}-{core + 8:#x} .kprobes.text: functions that kprobes itself needs (__kprobes)",
        f"{secret:#x}-{secret + 8:#x} _kprobe_blacklist: a function that kprobes needs (NOKPROBE_SYMBOL)",
    ] == [str(item) for item in guest.kprobes.blacklist]


def test_tables_of_several_programs():
    """Each has its own sections, and places in a table are relative to where they are."""
    machine = Machine()
    sources = ("a: nop\n ret\n", 'b: nop\n ret\n .section __jump_table, "aw"\n .word b - ., 0, 0, 0\n')
    for base, source in zip((BASE, BASE + 0x1_0000), sources, strict=True):
        machine.load(assemble_source(source, base=base))
    kprobes = Kprobes(machine, V5_10)
    kprobes.register(Kprobe("a"))
    with pytest.raises(RegistrationError, match="jump label"):
        kprobes.register(Kprobe("b"))


# --- disabling and enabling


@each_kernel
def test_a_probe_may_be_registered_disabled(kernel):
    guest, hits = start(kernel), []
    word = guest.word("square")
    probe = Kprobe("square", pre_handler=lambda *_: hits.append(1), flags=ProbeFlag.DISABLED)
    guest.kprobes.register(probe)
    assert (word, SlotState.USED) == (guest.word("square"), guest.kprobes.slots.state(probe.execution.slot))
    assert (26, []) == (guest.call("square", 5), hits)
    guest.kprobes.enable(probe)
    assert (26, [1]) == (guest.call("square", 5), hits)


@each_kernel
def test_disable_and_enable(kernel):
    guest, hits = start(kernel), []
    probe = guest.probe("square", pre_handler=lambda *_: hits.append(1))
    word = probe.opcode
    for _ in range(2):  # twice is once
        guest.kprobes.disable(probe)
        assert (word, ProbeFlag.DISABLED) == (guest.word("square"), probe.flags)
    assert (26, []) == (guest.call("square", 5), hits)
    for _ in range(2):
        guest.kprobes.enable(probe)
        assert (BRK_KPROBE, ProbeFlag.NONE) == (guest.word("square"), probe.flags)
    assert (26, [1]) == (guest.call("square", 5), hits)
    assert 3 == len(guest.kprobes.patches)


@each_kernel
@pytest.mark.parametrize("change", ["disable", "enable", "unregister"])
@pytest.mark.parametrize("kind", ["never registered", "unregistered", "another one is there"])
def test_what_is_not_registered_cannot_be_changed(kernel, change, kind):
    guest = start(kernel)
    probe = Kprobe("square")
    if kind == "unregistered":
        guest.kprobes.register(probe)
        guest.kprobes.unregister(probe)
    if kind == "another one is there":
        probe.address = guest.probe("square").at
    with pytest.raises(RegistrationError, match="not registered") as raised:
        getattr(guest.kprobes, change)(probe)
    assert Errno.EINVAL is raised.value.errno


@each_kernel
def test_unregistering_puts_the_text_back_and_gives_the_slot_back(kernel):
    guest, hits = start(kernel), []
    word = guest.word("square")
    probe = guest.probe("square", pre_handler=lambda *_: hits.append(1))
    slot = probe.execution.slot
    guest.kprobes.unregister(probe)
    assert (word, SlotState.CLEAN, []) == (
        guest.word("square"), guest.kprobes.slots.state(slot), list(guest.kprobes.registry),
    )  # fmt: skip
    assert (26, []) == (guest.call("square", 5), hits)


# --- all at once


@each_kernel
def test_the_global_switch(kernel):
    guest, hits = start(kernel), []

    def hit():
        hits.clear()
        results = (guest.call("square", 5), guest.call("helper", 5))
        assert (26, 7) == results
        return list(hits)

    note = lambda probe, _regs: hits.append(probe.symbol)  # noqa: E731
    guest.probe("square", pre_handler=note)
    disabled = guest.probe("helper", pre_handler=note)
    guest.kprobes.disable(disabled)
    assert guest.kprobes.enabled
    for _ in range(2):
        guest.kprobes.enabled = False
        assert (False, []) == (guest.kprobes.enabled, hit())
    guest.kprobes.enabled = True
    assert (True, ["square"]) == (guest.kprobes.enabled, hit())
    guest.kprobes.enable(disabled)
    assert ["square", "helper"] == hit()


@each_kernel
def test_while_all_are_disarmed_probes_come_and_go_without_a_change_of_the_text(kernel):
    guest, hits = start(kernel), []
    text = guest.machine.memory.read_bytes(BASE, 0x200)
    going = guest.probe("square", pre_handler=lambda *_: hits.append("going"))
    guest.kprobes.enabled = False
    patches = len(guest.kprobes.patches)
    coming = guest.probe("helper", pre_handler=lambda *_: hits.append("coming"))
    joining = guest.probe("helper", pre_handler=lambda *_: hits.append("joining"))
    guest.kprobes.unregister(going)
    guest.kprobes.disable(coming)
    assert (text, patches) == (guest.machine.memory.read_bytes(BASE, 0x200), len(guest.kprobes.patches))
    guest.kprobes.enabled = True
    assert (26, 7, ["joining"]) == (guest.call("square", 5), guest.call("helper", 5), hits)
    guest.kprobes.unregister(joining, coming)
    assert text == guest.machine.memory.read_bytes(BASE, 0x200)


@each_kernel
def test_what_is_enabled_while_all_are_disarmed_is_armed_with_the_others(kernel):
    """Linux forgets it (enable_kprobe does nothing about a single probe then); here it counts."""
    guest, hits = start(kernel), []
    probe = guest.probe("square", pre_handler=lambda *_: hits.append(1))
    guest.kprobes.disable(probe)
    guest.kprobes.enabled = False
    guest.kprobes.enable(probe)
    assert probe.opcode == guest.word("square")
    guest.kprobes.enabled = True
    assert (26, [1]) == (guest.call("square", 5), hits)


@each_kernel
@pytest.mark.parametrize("bad", range(3))
def test_a_batch_is_registered_whole_or_not_at_all(kernel, bad):
    guest = start(kernel)
    text = guest.machine.memory.read_bytes(BASE, 0x200)
    probes = [Kprobe("square"), Kprobe("helper"), Kprobe("first")]
    probes[bad] = Kprobe("waits")
    with pytest.raises(RegistrationError, match="wfi"):
        guest.kprobes.register(*probes)
    assert (text, []) == (guest.machine.memory.read_bytes(BASE, 0x200), list(guest.kprobes.registry))
    assert 0 == sum(page.used for page in guest.kprobes.slots.pages)


@each_kernel
def test_probes_are_listed_by_address(kernel):
    guest = start(kernel)
    guest.probe("helper")
    guest.kprobes.register(Kretprobe(lambda *_: None, "first"))
    guest.kprobes.disable(guest.probe("square", 4))
    if kernel in STEPPING:
        guest.kprobes.register(Jprobe(lambda _regs: None, "helper"))
    first, square, helper = (guest.at(name) for name in ("first", "square", "helper"))
    lines = [
        f"{first:016x}  r  first+0x0",
        f"{square + 4:016x}  k  square+0x4 [DISABLED]",
        f"{helper:016x}  k  helper+0x0",
        f"{helper:016x}  j  helper+0x0",
    ]
    assert lines[: 4 if kernel in STEPPING else 3] == [str(line) for line in guest.kprobes.listed()]


# --- code that is no more


@each_kernel
def test_probes_in_code_that_is_gone_are_not_touched_again(kernel):
    guest = start(kernel)
    probe = guest.probe("square")
    slot = probe.execution.slot
    guest.kprobes.registry.kill(range(guest.at("square"), guest.at("helper")))
    assert (ProbeFlag.GONE, True) == (probe.flags, probe.is_disabled)
    assert SlotState.CLEAN is guest.kprobes.slots.state(slot)
    guest.machine.memory.write(guest.at("square"), 4, 0xD503_201F)  # something else is loaded there
    guest.kprobes.enabled = False
    guest.kprobes.enabled = True
    guest.kprobes.disable(probe)
    with pytest.raises(RegistrationError, match="no more") as raised:
        guest.kprobes.enable(probe)
    assert Errno.EINVAL is raised.value.errno
    other = guest.probe("helper")
    assert slot == other.execution.slot
    assert " [GONE]" in str(guest.kprobes.listed()[0])
    guest.kprobes.unregister(probe)
    assert (0xD503_201F, SlotState.USED) == (guest.word("square"), guest.kprobes.slots.state(slot))


@each_kernel
def test_a_probe_outside_of_what_is_gone_stays(kernel):
    guest, hits = start(kernel), []
    probe = guest.probe("helper", pre_handler=lambda *_: hits.append(1))
    guest.kprobes.registry.kill(range(guest.at("square"), guest.at("helper")))
    assert (ProbeFlag.NONE, 7, [1]) == (probe.flags, guest.call("helper", 5), hits)


@each_kernel
@pytest.mark.parametrize("count", [1, 2], ids=["a single probe", "a manager"])
def test_a_new_probe_where_one_is_gone_prepares_anew(kernel, count):
    """The word that is there now, in a new slot; those that are gone are not called."""
    guest, hits = start(kernel), []
    gone = [
        guest.probe(
            "square",
            pre_handler=lambda *_: hits.append("gone"),
            post_handler=lambda *_: hits.append("gone"),
        )
        for _ in range(count)
    ]
    guest.kprobes.registry.kill(range(guest.at("square"), guest.at("helper")))
    add = guest.word(guest.at("square", 4))
    guest.machine.memory.write(guest.at("square"), 4, add)
    probe = guest.probe("square", pre_handler=lambda *_: hits.append("new"))
    assert (add, BRK_KPROBE, 5 + 2) == (probe.opcode, guest.word("square"), guest.call("square", 5))
    assert add == guest.word(probe.execution.slot)
    assert (["new"], [1, 2, 5, 6]) == (hits, guest.rows)
    guest.kprobes.unregister(probe, *gone)
    assert (add, 0) == (guest.word("square"), sum(page.used for page in guest.kprobes.slots.pages))
