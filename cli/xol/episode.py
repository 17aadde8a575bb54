"""What is shown of a hit, by whatever shows it: its story, the code around the probe, what addresses are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import attrs

from kprobes.arch.code import instruction_of
from kprobes.engine import WORD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from kprobes.manager import Kprobes
    from kprobes.probe import Kprobe
    from kprobes.story import Story

Fact: TypeAlias = int | str
"""A count, or a value as it is to be shown."""

_AROUND = 5
"""Instructions shown before the probe, and behind it."""


@attrs.frozen
class CodeLine:
    """An instruction in memory.

    Attributes:
        address: where.
        word: what is there.
        text: the same as text.
        label: the symbol at this address, empty if none.
        probed: the text of the instruction that a breakpoint stands for, empty if it is none.
    """

    address: int
    word: int
    text: str
    label: str = ""
    probed: str = ""


@attrs.frozen
class Probed:
    """The instruction that a probe is on, or was to be.

    Attributes:
        address: where.
        symbol: the same as `symbol+0x10/0x40`.
        word, text: what it is.
        slot: where its copy is, None without one.
    """

    address: int
    symbol: str
    word: int
    text: str
    slot: int | None = None


@attrs.frozen
class Outcome:
    """What became of the program, as the run has shown.

    Attributes:
        text: in a sentence or two.
        facts: what was counted and measured, by what it is called.
    """

    text: str = ""
    facts: Mapping[str, Fact] = attrs.field(factory=dict)


@attrs.frozen
class Episode:
    """A hit, to be shown.

    Attributes:
        event: what the probe is called.
        spec: the probe, as kprobe_events has it.
        hit: which hit, from 1.
        profile, summary: the kernel, and what it is in words.
        probe: the probed instruction.
        code: the code around it, as it is during the hit.
        story: the moments.
        places: each address that the moments have, and what it is called.
        title: what there is to be seen, in a line; empty if nobody says.
        outcome: what became of the program, in a sentence or two; likewise.
        facts: what was counted and measured of it, by what it is called.
    """

    event: str
    spec: str
    hit: int
    profile: str
    summary: str
    probe: Probed
    code: tuple[CodeLine, ...]
    story: Story
    places: Mapping[int, str]
    title: str = ""
    outcome: str = ""
    facts: Mapping[str, Fact] = attrs.field(factory=dict)

    def place(self, address: int) -> str:
        """An address in hex, with the symbol it belongs to."""
        return self.places.get(address, f"{address:#x}")


@attrs.frozen
class Refusal:
    """A probe that is refused, to be shown.

    Attributes:
        spec, profile, summary, title: as of an `Episode`.
        reason: why, with the rule, and the nearest places that can be probed.
    """

    spec: str
    profile: str
    summary: str
    reason: str
    title: str = ""


def episode(kprobes: Kprobes, probe: Kprobe, story: Story, *, event: str, spec: str, hit: int) -> Episode:
    """What there is to be shown of a hit of `probe` that was just told."""
    instruction, slot = probe.execution.instruction, probe.execution.slot
    return Episode(
        event=event,
        spec=spec,
        hit=hit,
        profile=kprobes.profile.name,
        summary=kprobes.profile.summary,
        probe=Probed(probe.at, kprobes.name(probe.at), instruction.word, instruction.text(probe.at), slot),
        code=tuple(_code_around(kprobes, probe.at)),
        story=story,
        places={address: kprobes.machine.locate(address) for address in {probe.at, *_addresses(story)}},
    )


def _addresses(story: Story) -> Iterator[int]:
    for moment in story.moments:
        yield from (address for address in (moment.pc, moment.elr, moment.registers.pc) if address is not None)


def _code_around(kprobes: Kprobes, middle: int) -> Iterator[CodeLine]:
    labels = {address: name for name, address in kprobes.symbols.items()}
    for address in range(middle - _AROUND * WORD, middle + (_AROUND + 1) * WORD, WORD):
        word = kprobes.engine.host.read_word(address)
        if word is None:
            continue
        probe = kprobes.registry.lookup(address)
        probed = "" if probe is None else probe.execution.instruction.text(address)
        yield CodeLine(address, word, instruction_of(word).text(address), labels.get(address, ""), probed)
