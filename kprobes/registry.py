"""Registration: which probes there are, and what is in the text because of them (kernel/kprobes.c).

Errors come in the order in which the kernel looks for them, with its error numbers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kprobes.aggregate import Manager
from kprobes.behaviour import ExceptionTable
from kprobes.engine import BRK_KPROBE, BRK_SLOT, WORD
from kprobes.errors import Errno, RegistrationError
from kprobes.patching import Patch, Patcher
from kprobes.probe import ArchInstruction, Kprobe, ProbeFlag
from kprobes.rules import Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from kprobes.analysis import Analysis
    from kprobes.behaviour import RegistrationRules
    from kprobes.engine import Engine
    from kprobes.host import Host
    from kprobes.layout import Layout
    from kprobes.slots import Slots


_ADDRESS = (1 << 64) - 1
_LARGEST_OFFSET = (1 << 32) - 1
"""`kprobe.offset` is an unsigned int."""
_CFI_PREAMBLES = ("__cfi_", "__pfx_")
_EXCEPTION_TABLE = "__ex_table: it may fault, and the exception table says where to go on then"


@attrs.frozen
class Listed:
    """A line of /sys/kernel/debug/kprobes/list: `kind` is k, r or j, `where` the symbol and the offset."""

    address: int
    kind: str
    where: str
    flags: ProbeFlag

    def __str__(self) -> str:
        shown = "".join(f" [{flag.name}]" for flag in ProbeFlag if flag in self.flags)
        return f"{self.address:016x}  {self.kind}  {self.where}{shown}"


class Registry:
    """The probes of a machine."""

    def __init__(
        self,
        host: Host,
        engine: Engine,
        slots: Slots,
        layout: Layout,
        analyse: Callable[[], Analysis],
        rules: RegistrationRules,
    ) -> None:
        """Register into the text of `layout`, by `rules` and the verdicts of what `analyse` gives."""
        self._host = host
        self._engine = engine
        self._slots = slots
        self._layout = layout
        self._analyse = analyse
        self._rules = rules
        self._patcher = Patcher(host)
        self._probes: dict[int, Kprobe] = {}
        self._all_disarmed = False

    @property
    def patches(self) -> Sequence[Patch]:
        """What was written into the text, in order."""
        return self._patcher.patches

    # --- what there is

    def lookup(self, address: int) -> Kprobe | None:
        """The probe, or the manager of probes, at an address (get_kprobe)."""
        return self._probes.get(address)

    def __iter__(self) -> Iterator[Kprobe]:
        """The probes that callers have registered, by address; of one address, in the order they are called."""
        for address in sorted(self._probes):
            probe = self._probes[address]
            yield from probe.children if isinstance(probe, Manager) else (probe,)

    def __contains__(self, probe: Kprobe) -> bool:
        return self._holder(probe) is not None

    def _holder(self, probe: Kprobe) -> Kprobe | None:
        """What is hit for a probe: itself or its manager; None if it is not registered (__get_valid_kprobe)."""
        found = None if probe.address is None else self._probes.get(probe.address)
        if found is probe or (isinstance(found, Manager) and probe in found.children):
            return found
        return None

    # --- registering

    def register(self, probe: Kprobe) -> None:
        """register_kprobe.

        Raises:
            RegistrationError: it cannot be; nothing has changed.
        """
        if probe.fault_handler is not None and not self._engine.rules.has_fault_handlers:
            raise RegistrationError(Errno.EOPNOTSUPP, "this kernel's probes have no fault handlers any more")
        address = self.address_of(probe)
        self.check_new(probe)
        probe.flags &= ProbeFlag.DISABLED
        probe.nmissed = 0
        self._check_place(address)
        before, probe.address = probe.address, address
        try:
            self._add(probe)
        except RegistrationError:
            probe.address = before
            raise

    def _add(self, probe: Kprobe) -> None:
        found = self._probes.get(probe.at)
        if found is not None:
            self._join(found, probe)
            return
        self._prepare(probe)
        self._probes[probe.at] = probe
        if not probe.is_disabled and not self._all_disarmed:
            self._arm(probe)

    def check_new(self, probe: Kprobe) -> None:
        """check_kprobe_rereg; RegistrationError if it is registered already."""
        if probe in self:
            raise RegistrationError(Errno.EINVAL, f"the probe at {probe.at:#x} is registered already")

    def address_of(self, probe: Kprobe) -> int:
        """kprobe_addr: where a probe is to be. It has a symbol and an offset, or an address, and not both.

        Raises:
            RegistrationError: it has neither or both, or there is no such symbol.
        """
        if not 0 <= probe.offset <= _LARGEST_OFFSET:
            raise RegistrationError(
                Errno.EINVAL, f"the offset {probe.offset:#x} of a probe is not from 0 to {_LARGEST_OFFSET:#x}"
            )
        address = (self._base(probe) + probe.offset) & _ADDRESS
        if self._rules.needs_symbol and self._layout.symbol(address) is None:
            raise RegistrationError(Errno.ENOENT, f"there is no symbol for {address:#x}: this kernel wants one")
        return address

    def _base(self, probe: Kprobe) -> int:
        if probe.symbol is None:
            if probe.address is None:
                raise RegistrationError(Errno.EINVAL, "a probe needs a symbol or an address")
            return probe.address
        if probe.address is not None:
            raise RegistrationError(
                Errno.EINVAL,
                f"a probe is at a symbol ({probe.symbol}) or at an address ({probe.address:#x}), not both; registering "
                f"sets the address: to register a probe once more, unregister it and set address and flags anew",
            )
        start = self._layout.symbols.get(probe.symbol)
        if start is None:
            raise RegistrationError(
                Errno.ENOENT, f"there is no symbol {probe.symbol!r}: a64 disasm shows those there are"
            )
        return start

    def _check_place(self, address: int) -> None:
        """check_kprobe_address_safe."""
        layout = self._layout
        where = self._host.locate(address)
        if address in layout.ftrace_sites:
            raise RegistrationError(Errno.EINVAL, f"no probe may be at {where}: it is the tracer's, which patches it")
        if not layout.is_text(address):
            raise RegistrationError(Errno.EINVAL, f"there is no code at {where}")
        if why := self._why_forbidden(address):
            raise RegistrationError(Errno.EINVAL, f"no probe may be at {where}: it is in {why}")
        if address in layout.jump_labels:
            raise RegistrationError(Errno.EINVAL, f"no probe may be at {where}: it is a jump label, which is patched")
        if address in layout.bugs:
            raise RegistrationError(Errno.EINVAL, f"no probe may be at {where}: it is a BUG()")
        if not self._rules.cfi_preambles and (layout.symbol(address) or "").startswith(_CFI_PREAMBLES):
            raise RegistrationError(Errno.EINVAL, f"no probe may be at {where}: it is not code, but what CFI checks")

    def _why_forbidden(self, address: int) -> str | None:
        """Why an address is on the blacklist: by itself or, where the kernel sees to it, for what it is a clone of."""
        layout = self._layout
        if self._rules.exception_table is ExceptionTable.BLACKLISTED and address in layout.exception_table:
            return _EXCEPTION_TABLE
        if (why := layout.why_forbidden(address)) or not self._rules.suffixes:
            return why
        name, _, suffix = (layout.symbol(address) or "").partition(".")
        original = layout.symbols.get(name) if suffix else None
        return None if original is None else layout.why_forbidden(original)

    def _join(self, found: Kprobe, probe: Kprobe) -> None:
        """register_aggr_kprobe: one more probe on an instruction."""
        manager = found if isinstance(found, Manager) else Manager.of(found, self._engine)
        if manager.is_gone:
            self._prepare(manager)
            manager.flags = manager.flags & ~ProbeFlag.GONE | ProbeFlag.DISABLED
        manager.add(probe)
        self._probes[manager.at] = manager
        if manager.is_disabled and not probe.is_disabled:
            manager.flags &= ~ProbeFlag.DISABLED
            if not self._all_disarmed:
                self._arm(manager)

    def _prepare(self, probe: Kprobe) -> None:
        """arch_prepare_kprobe."""
        address = probe.at
        where = self._host.locate(address)
        if address % WORD:
            raise RegistrationError(Errno.EINVAL, f"{where} is no multiple of 4: there is no instruction")
        word = self._host.read_word(address)
        if word is None:
            raise RegistrationError(Errno.EINVAL, f"there is no memory at {where}")
        if why := self._why_unprepared(address):
            raise RegistrationError(Errno.EINVAL, f"no probe may be at {where}: it is in {why}")
        analysis = self._analyse()
        refusal = analysis.explain(address)
        if refusal is not None:
            raise RegistrationError(Errno.EINVAL, refusal.told(self._host.locate))
        probe.opcode = word
        probe.ainsn = self._prepare_execution(address, word, analysis.judge(address).verdict)

    def _why_unprepared(self, address: int) -> str | None:
        if self._rules.exception_table is ExceptionTable.REFUSED and address in self._layout.exception_table:
            return _EXCEPTION_TABLE
        return self._layout.why_unprepared(address)

    def _prepare_execution(self, address: int, word: int, verdict: Verdict) -> ArchInstruction:
        instruction = self._host.instruction(word)
        if verdict is Verdict.SIMULATE:
            return ArchInstruction(instruction, None, None)
        slot = self._slots.get()
        if slot is None:
            raise RegistrationError(Errno.ENOMEM, f"there is no memory for a slot for {self._host.locate(address)}")
        words = (word,) if self._engine.rules.slot_words == 1 else (word, BRK_SLOT)
        self._host.write_text(slot, *words)
        return ArchInstruction(instruction, slot, address + WORD)

    # --- the text

    def _arm(self, probe: Kprobe) -> None:
        """arch_arm_kprobe."""
        self._patcher.patch(probe.at, BRK_KPROBE)

    def _disarm(self, probe: Kprobe) -> None:
        """arch_disarm_kprobe."""
        assert probe.opcode is not None
        if not probe.is_gone:
            self._patcher.patch(probe.at, probe.opcode)

    # --- taking away

    def unregister(self, probe: Kprobe) -> None:
        """unregister_kprobe: its handlers are not called from now on, but for a hit that is being dealt with.

        Raises:
            RegistrationError: it is not registered.
        """
        holder = self._valid_holder(probe)
        if not probe.is_disabled:
            self._switch_off(probe, holder)
        if isinstance(holder, Manager) and len(holder.children) > 1:
            holder.remove(probe)
            return
        del self._probes[holder.at]
        if not holder.is_gone:
            self._release_slot(holder)

    def _release_slot(self, probe: Kprobe) -> None:
        """Give the slot back when nobody can be in it any more: the kernel waits for a grace period."""
        slot = probe.execution.slot
        if slot is not None:
            self._host.when_returned(
                lambda: self._slots.free(slot, dirty=False), lambda: not self._engine.needs_slot(slot)
            )

    def _valid_holder(self, probe: Kprobe) -> Kprobe:
        holder = self._holder(probe)
        if holder is None:
            where = "it has no address" if probe.address is None else self._host.locate(probe.address)
            raise RegistrationError(Errno.EINVAL, f"the probe is not registered: {where}")
        return holder

    def _switch_off(self, probe: Kprobe, holder: Kprobe) -> None:
        """__disable_kprobe: the text is put back when no probe there is enabled."""
        probe.flags |= ProbeFlag.DISABLED
        if isinstance(holder, Manager) and holder.wants_arming:
            return
        if not self._all_disarmed and (holder is probe or not holder.is_disabled):
            self._disarm(holder)
        holder.flags |= ProbeFlag.DISABLED

    # --- disabling

    def disable(self, probe: Kprobe) -> None:
        """disable_kprobe; RegistrationError if it is not registered."""
        holder = self._valid_holder(probe)
        if not probe.is_disabled:
            self._switch_off(probe, holder)

    def enable(self, probe: Kprobe) -> None:
        """enable_kprobe; RegistrationError if it is not registered, or its code is no more."""
        holder = self._valid_holder(probe)
        if probe.is_gone:
            raise RegistrationError(Errno.EINVAL, f"the code of the probe at {probe.at:#x} is no more")
        was_off = holder.is_disabled
        probe.flags &= ~ProbeFlag.DISABLED
        holder.flags &= ~ProbeFlag.DISABLED
        if was_off and not self._all_disarmed:
            self._arm(holder)

    @property
    def enabled(self) -> bool:
        """Whether probes that are not disabled are armed (/sys/kernel/debug/kprobes/enabled)."""
        return not self._all_disarmed

    @enabled.setter
    def enabled(self, wanted: bool) -> None:
        if wanted == self.enabled:
            return
        self._all_disarmed = not wanted
        for probe in self._probes.values():
            if not probe.is_disabled:
                (self._arm if wanted else self._disarm)(probe)

    def kill(self, addresses: range) -> None:
        """The code at these addresses is no more (kprobes_module_callback): its probes are not touched again."""
        for address, probe in self._probes.items():
            if address in addresses and not probe.is_gone:
                probe.kill()
                self._release_slot(probe)

    @property
    def original_words(self) -> dict[int, int]:
        """The instruction words that breakpoints stand for, by address."""
        return {address: probe.opcode for address, probe in self._probes.items() if probe.opcode is not None}
