"""The bits that decide whether a step is taken, in the order they are shown, and which have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from kprobes.host import STRIP

if TYPE_CHECKING:
    from kprobes.host import Strip


@attrs.frozen
class Bit:
    """A bit: what it is called, and which it is of a `Strip`."""

    label: str
    field: str

    def of(self, strip: Strip) -> int | None:
        """Its value, None where there is none."""
        value: int | None = getattr(strip, self.field)
        return value


GROUPS = {group: tuple(Bit(label, field) for field, label in bits.items()) for group, bits in STRIP.items()}
"""By the register they are in; saved is SPSR_EL1."""
BITS = tuple(bit for bits in GROUPS.values() for bit in bits)
"""All of them, from left to right."""


def changes(before: Strip | None, now: Strip) -> frozenset[Bit]:
    """The bits that there are, and that were not so at the moment before, if there was any."""
    if before is None:
        return frozenset()
    return frozenset(bit for bit in BITS if bit.of(now) not in (None, bit.of(before)))
