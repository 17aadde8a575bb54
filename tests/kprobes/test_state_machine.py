"""Probes are registered, hit, disabled and taken away in any order, and compared with a simple model of what they are.

After each step the text has a BRK exactly where a probe is that is enabled, and as many slots are used as there are
places with probes that have one; at the end the text is what it was.
"""

import os

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from kprobes import PROFILES, GuestFunction, Kprobe, ProbeFlag, RegistrationError
from kprobes.engine import BRK_KPROBE
from kprobes.slots import SlotState
from kprobes.transitions import State
from tests.kprobes.faulting import FRAME, KERNEL_PAGE, USER_PAGE, VALUE, Guest

SOURCE = """
        .balign 2048
vectors:
        .space  0x200
        mrs     x9, far_el1
        tbnz    x9, #63, skipped
        str     x28, [x27]              // a page of user space: it is mapped
        dsb     ish
        tlbi    vmalle1
        dsb     ish
        isb
        eret
skipped:                                // one of the kernel, which a handler wants: on without it
        mrs     x9, elr_el1
        add     x9, x9, #4
        msr     elr_el1, x9
        eret
        .balign 2048

adds:   add     x0, x0, #1
        add     x0, x0, #2
        ret
loads:  ldr     x0, [x1]
        ret
jumps:  b       1f
        mov     x0, #0
1:      add     x0, x0, #4
        ret

faulty: ldr     x3, [x21]               // a handler that faults
        mov     x0, #0
        ret
"""

FUNCTIONS = {"adds": ("adds+0", "adds+4"), "loads": ("loads+0",), "jumps": ("jumps+0", "jumps+8")}
"""The places of each function where probes may be, in the order in which they are executed."""
PLACES = tuple(place for places in FUNCTIONS.values() for place in places)
LOAD, BRANCH = "loads+0", "jumps+0"
COUNTS_FAULTS = ("v15", "v4.8", "v5.10", "strict")


@attrs.define(eq=False)
class Modelled:
    """A probe, and what the model says of it.

    Attributes:
        number: what it is called.
        place: where it is.
        act: what its pre-handler does besides being called: call a function, unregister or disable the probe; or that
            it is a function of the guest, which faults.
        act_after: likewise its post-handler; None if it has none.
    """

    number: int
    place: str
    act: str
    act_after: str | None
    probe: Kprobe = attrs.field(init=False, repr=False)
    is_registered: bool = False
    is_enabled: bool = True
    nmissed: int = 0


@attrs.define(eq=False)
class Model:
    """What is at each place, and what is to happen when a function is called.

    Attributes:
        counts_faults: whether a fault in a handler is a miss.
        at: the probes of each place, in the order in which they are called.
        managed: the places with a manager: with more than one probe, or which had that since the first one came.
        is_on: the global switch.
        missing: whether the page that `loads` reads is not there.
        calls: the calls of handlers there should be.
    """

    counts_faults: bool
    at: dict[str, list[Modelled]] = attrs.field(factory=lambda: {place: [] for place in PLACES})
    managed: set[str] = attrs.field(factory=set)
    is_on: bool = True
    missing: bool = False
    calls: list[tuple[str, int]] = attrs.field(factory=list)

    def is_armed(self, place: str) -> bool:
        return self.is_on and any(item.is_enabled for item in self.at[place])

    def register(self, item: Modelled) -> None:
        self.at[item.place].insert(0, item)
        item.is_registered, item.nmissed = True, 0
        if len(self.at[item.place]) > 1:
            self.managed.add(item.place)

    def unregister(self, item: Modelled) -> None:
        self.at[item.place].remove(item)
        item.is_registered = item.is_enabled = False
        if not self.at[item.place]:
            self.managed.discard(item.place)

    # --- what happens

    def run(self, function: str, current: list[Modelled] | None = None) -> None:
        """A call of a function; `current` are the probes whose handler it is called from."""
        for place in FUNCTIONS[function]:
            self._execute(place, current)

    def _execute(self, place: str, current: list[Modelled] | None) -> None:
        if not self.is_armed(place):
            if place == LOAD and self._mend() and current is not None:
                self._fault_of_handler(current)
        elif current is not None:
            for item in self.at[place]:
                item.nmissed += 1
            if place == LOAD and self._mend():
                self._execute(place, current)
        else:
            self._hit(place)

    def _hit(self, place: str) -> None:
        probes, is_managed = list(self.at[place]), place in self.managed
        for item in probes:
            if not is_managed or item.is_enabled:
                self._call("pre", item, item.act, probes)
        if place == LOAD and self._mend():
            self._execute(place, None)
            return
        for item in probes if not is_managed else list(self.at[place]):
            if not is_managed or item.is_enabled:
                self._call("post", item, item.act_after, probes)

    def _call(self, what: str, item: Modelled, act: str | None, current: list[Modelled]) -> None:
        if act is None:
            return
        if act == "fault":
            self._fault_of_handler(current)
            return
        self.calls.append((what, item.number))
        if act in FUNCTIONS:
            self.run(act, current)
        elif act == "unregister" and item.is_registered:
            self.unregister(item)
        elif act == "disable" and item.is_registered:
            item.is_enabled = False

    def _fault_of_handler(self, current: list[Modelled]) -> None:
        for item in current:
            item.nmissed += self.counts_faults

    def _mend(self) -> bool:
        """Whether the page was not there, which it is from now on."""
        was_missing, self.missing = self.missing, False
        return was_missing


class Probing(RuleBasedStateMachine):
    """The machine and its model, side by side."""

    probes = Bundle("probes")

    @initialize(name=st.sampled_from(sorted(PROFILES)))
    def begin(self, name):
        self.name = name
        self.guest = guest = Guest(PROFILES[name], SOURCE)
        guest.break_mapping(KERNEL_PAGE)
        guest.cpu.gpr[21] = KERNEL_PAGE
        guest.cpu.pstate.d = 0
        guest.cpu.sysregs["VBAR_EL1"] = guest.machine.resolve("vectors")
        self.kprobes = guest.kprobes
        self.model = Model(name in COUNTS_FAULTS)
        self.calls = []
        self.count = 0
        self.text = self._text()
        self.words = {place: self.guest.machine.memory.read(self._address(place), 4) for place in PLACES}
        guest.break_mapping(USER_PAGE)
        guest.lower.map(USER_PAGE, FRAME)

    # --- what is there

    def _text(self):
        (segment,) = self.guest.machine.images[0].segments
        return self.guest.machine.memory.read_bytes(segment.address, len(segment.data))

    def _address(self, place):
        symbol, offset = place.split("+")
        return self.guest.machine.resolve(symbol) + int(offset)

    def _make(self, place, act, act_after, is_enabled):
        item = Modelled(self.count, place, act, act_after, is_enabled=is_enabled)
        self.count += 1
        symbol, offset = place.split("+")
        item.probe = Kprobe(
            symbol,
            int(offset),
            pre_handler=self._handler("pre", item, act),
            post_handler=None if act_after is None else self._handler("post", item, act_after),
            flags=ProbeFlag.NONE if is_enabled else ProbeFlag.DISABLED,
        )
        return item

    def _handler(self, what, item, act):
        if act == "fault":
            return GuestFunction("faulty")

        def handler(probe, _regs):
            assert probe is item.probe
            self.calls.append((what, item.number))
            if act in FUNCTIONS:
                self.guest.machine.call(act, 0, USER_PAGE)
            elif act == "unregister" and probe in self.kprobes.registry:
                self.kprobes.unregister(probe)
            elif act == "disable" and probe in self.kprobes.registry:
                self.kprobes.disable(probe)

        return handler

    def _is_legal(self, place):
        return self.name != "v15" or place != BRANCH

    # --- what is done

    ACTS = st.sampled_from(("", "", "", *FUNCTIONS, "unregister", "disable", "fault"))
    ITEMS = st.tuples(st.sampled_from(PLACES), ACTS, st.none() | ACTS, st.booleans() | st.just(True))

    @rule(target=probes, drawn=ITEMS)
    def register(self, drawn):
        item = self._make(*drawn)
        if not self._is_legal(item.place):
            with pytest.raises(RegistrationError):
                self.kprobes.register(item.probe)
            return multiple()
        self.kprobes.register(item.probe)
        self.model.register(item)
        return item

    @rule(target=probes, drawn=st.lists(ITEMS, min_size=2, max_size=4), is_legal=st.booleans())
    def register_batch(self, drawn, is_legal):
        """All, or, if one is illegal, none."""
        items = [self._make(*each) for each in drawn]
        batch = [item.probe for item in items]
        if is_legal and all(self._is_legal(item.place) for item in items):
            self.kprobes.register(*batch)
            for item in items:
                self.model.register(item)
            return multiple(*items)
        managed = {place for place in PLACES if self.model.at[place]}
        with pytest.raises(RegistrationError):
            self.kprobes.register(*batch, *([] if is_legal else [Kprobe(address=3)]))
        for item in items:  # where there was a probe already, a manager has come to stay
            if not self._is_legal(item.place):
                break
            if item.place in managed:
                self.model.managed.add(item.place)
        return multiple()

    @rule(item=probes)
    def register_again(self, item):
        if item.is_registered:
            with pytest.raises(RegistrationError):
                self.kprobes.register(item.probe)

    @rule(item=consumes(probes))
    def unregister(self, item):
        if item.is_registered:
            self.kprobes.unregister(item.probe)
            self.model.unregister(item)
        with pytest.raises(RegistrationError):
            self.kprobes.unregister(item.probe)

    @rule(item=probes, wanted=st.booleans())
    def switch(self, item, wanted):
        change = self.kprobes.enable if wanted else self.kprobes.disable
        if item.is_registered:
            change(item.probe)
            item.is_enabled = wanted
        else:
            with pytest.raises(RegistrationError):
                change(item.probe)

    @rule(wanted=st.booleans())
    def switch_all(self, wanted):
        self.kprobes.enabled = self.model.is_on = wanted

    @rule()
    def lose_page(self):
        self.guest.break_mapping(USER_PAGE)
        self.guest.cpu.drop_translations(self.guest.cpu.tlb)
        self.model.missing = True

    @rule(function=st.sampled_from(sorted(FUNCTIONS)))
    def call(self, function):
        self.guest.cpu.pstate.daif = 0
        result = self.guest.machine.call(function, 40, USER_PAGE, max_cycles=10_000)
        self.model.run(function)
        assert result == {"adds": 43, "loads": VALUE, "jumps": 44}[function]
        assert self.calls == self.model.calls

    # --- what always holds

    @invariant()
    def armed_where_enabled(self):
        for place in PLACES:
            word = self.guest.machine.memory.read(self._address(place), 4)
            assert word == (BRK_KPROBE if self.model.is_armed(place) else self.words[place]), place

    @invariant()
    def misses(self):
        for items in self.model.at.values():
            for item in items:
                assert item.probe.nmissed == item.nmissed
                assert item.probe.is_disabled == (not item.is_enabled)

    @invariant()
    def slots(self):
        simulated = () if self.name == "v15" else (BRANCH,)
        used = sum(page.states.count(SlotState.USED) for page in self.kprobes.slots.pages)
        assert used == sum(bool(items) for place, items in self.model.at.items() if place not in simulated)

    @invariant()
    def idle(self):
        assert self.kprobes.engine.block.state is State.IDLE
        assert not self.guest.cpu.sysregs["MDSCR_EL1"] & 1

    @invariant()
    def listed(self):
        listed = list(self.kprobes.registry)
        assert listed == [item.probe for place in sorted(PLACES, key=self._address) for item in self.model.at[place]]

    def teardown(self):
        self.kprobes.close()
        assert self._text() == self.text
        assert not list(self.kprobes.registry)
        assert all(page.used == 0 for page in self.kprobes.slots.pages)


TestProbing = Probing.TestCase
TestProbing.settings = settings(max_examples=120 if os.environ.get("CI") else 20, stateful_step_count=40)
