"""A checker for "Using break-before-make when updating translation table entries".

A descriptor that the TLB may hold must not change from one valid value to another one that differs in its output
address, memory type, size or globality: it has to be made invalid first, and a TLBI has to follow, before the new value
is written. Hardware lets it pass, mostly; then, on another one, memory is corrupted. The checker compares what the TLB
holds with the tables whenever entries are dropped, and when it is asked to at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from aarch64.bits import mask
from aarch64.translation import attributes
from aarch64.translation.descriptors import base_rights
from aarch64.translation.parameters import is_enabled, table_register
from aarch64.translation.walk import Leaf, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aarch64.cpu import Cpu
    from aarch64.translation.tlb import Entry


_LARGEST_COMPARED = 1 << 21
_MOST_VIOLATIONS = 1000
"""After so many the checker rests, so that a guest cannot make its host keep more."""


@attrs.frozen
class Violation:
    """A descriptor that was changed without being broken first.

    Attributes:
        entry: what the TLB holds.
        now: what the tables say instead.
        changes: what differs, in words.
        cycle, pc: when and where it was noticed: at the TLBI that came too late, or at the end.
    """

    entry: Entry
    now: Leaf
    changes: tuple[str, ...]
    cycle: int
    pc: int

    def __str__(self) -> str:
        old, new, parameters = self.entry.leaf, self.now, self.entry.parameters
        space = "" if self.entry.asid is None else f", ASID {self.entry.asid}"
        return (
            f"break-before-make: {self.entry.address:#x} ({table_register(parameters)}{space}): "
            f"level {old.level} descriptor {old.descriptor:#x} at {old.steps[-1].address:#x} became "
            f"level {new.level} descriptor {new.descriptor:#x} at {new.steps[-1].address:#x} while the TLB holds the "
            f"old one ({', '.join(self.changes)}): write an invalid descriptor and execute TLBI in between"
        )


class BreakBeforeMake:
    """Watches the TLB of one CPU."""

    def __init__(self, cpu: Cpu) -> None:
        """Watch `cpu` from now on."""
        self._cpu = cpu
        self._seen: set[tuple[Entry, Leaf]] = set()
        self.violations: list[Violation] = []
        cpu.tlb_observers.append(self.check)

    def check(self, entries: Iterable[Entry] | None = None) -> None:
        """Compare entries, by default all of them, with the tables as they are."""
        for entry in self._cpu.tlb if entries is None else entries:
            if len(self.violations) < _MOST_VIOLATIONS and is_enabled(self._cpu, entry.regime):
                self._check(entry)

    def _check(self, entry: Entry) -> None:
        now = _walk_again(self._cpu, entry)
        if not isinstance(now, Leaf) or (entry, now) in self._seen:
            return
        changes = tuple(_changes(self._cpu, entry, now))
        if changes:
            self._seen.add((entry, now))
            self.violations.append(Violation(entry, now, changes, self._cpu.cycles, self._cpu.pc))


def _walk_again(cpu: Cpu, entry: Entry) -> object:
    """What a walk from the same first table finds now."""
    table = entry.leaf.steps[0].address & ~mask(entry.parameters.first_table_bits)
    parameters = attrs.evolve(entry.parameters, disables_walks=False)
    return walk(cpu.memory, parameters, table, entry.address, is_secure=entry.is_secure)


def _changes(cpu: Cpu, entry: Entry, now: Leaf) -> Iterator[str]:
    """What differs between an entry and what the tables say, of that which needs break-before-make."""
    old = entry.leaf
    if old.size != now.size:
        yield f"size 2^{old.size} to 2^{now.size} bytes"
    output = now.output | entry.address & mask(now.size)
    if old.output != output and _can_tell_apart(cpu, entry, now, output):
        yield f"output address {old.output:#x} to {output:#x}"
    if old.is_secure != now.is_secure:
        yield "Secure to Non-secure" if old.is_secure else "Non-secure to Secure"
    if old.attribute != now.attribute:
        types = [attributes.describe(leaf.attribute).replace(",", "") for leaf in (old, now)]
        yield f"memory type {types[0]} to {types[1]}"
    if old.is_global != now.is_global:
        yield "global to non-global" if old.is_global else "non-global to global"


def _can_tell_apart(cpu: Cpu, entry: Entry, now: Leaf, output: int) -> bool:
    """Whether software could see which of two output addresses is used: not if both hold the same, read-only."""
    old, parameters = entry.leaf, entry.parameters
    if any(base_rights(leaf.descriptor, leaf.hierarchy, parameters)[0].write for leaf in (old, now)):
        return True
    length = 1 << min(old.size, now.size)
    if length > _LARGEST_COMPARED or not all(
        cpu.memory.is_ram(start) and cpu.memory.is_ram(start + length - 1) for start in (old.output, output)
    ):
        return True
    return cpu.memory.read_bytes(old.output, length) != cpu.memory.read_bytes(output, length)
