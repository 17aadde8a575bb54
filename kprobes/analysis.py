"""What may be probed: the verdict on an instruction, on a place in a text, and the explanation of a refusal."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import attrs

from kprobes.rules import Rule, Verdict
from kprobes.sequences import WORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from kprobes.ports import Instruction, Text
    from kprobes.rules import DecodeRules
    from kprobes.sequences import SequenceFinder

NOT_TEXT = Rule("not-text", "there is no instruction at this address", "arch_prepare_kprobe")
"""Outside of all text, or not a multiple of 4."""


@attrs.frozen
class Judgement:
    """A verdict and its rule; for what is in an exclusive sequence, where the load-exclusive is that opens it."""

    verdict: Verdict
    rule: Rule
    opened_by: int | None = None

    @property
    def is_legal(self) -> bool:
        """Whether the instruction can be probed."""
        return self.verdict is not Verdict.REJECT

    @property
    def reason(self) -> str:
        """The rule in one sentence, and what it is about here."""
        return self.rule.why if self.opened_by is None else f"{self.rule.why} (it begins at {self.opened_by:#x})"


@attrs.frozen
class Refusal:
    """Why an address cannot be probed, and which ones nearby can.

    Attributes:
        address: the one refused.
        text: the disassembly of what is there, empty where there is nothing.
        judgement: the rule that refuses it.
        before, after: the nearest addresses that can be probed: in the same symbol if any of it can, else in the same
            piece of text; None where there is none on that side.
    """

    address: int
    text: str
    judgement: Judgement
    before: int | None
    after: int | None

    def told(self, name: Callable[[int], str] = hex) -> str:
        """All of it in one sentence, with addresses as `name` shows them."""
        what = f" ({self.text})" if self.text else ""
        around = ((self.before, "before"), (self.after, "after"))
        sides = [f"{name(place)} {side}" for place, side in around if place is not None]
        nearest = f"the nearest that can: {', '.join(sides)}" if sides else "nothing near it can"
        rule = self.judgement.rule
        return f"{name(self.address)}{what} cannot be probed: {self.judgement.reason} [{rule.source}]; {nearest}"


def verdict(instruction: Instruction, rules: DecodeRules) -> Judgement:
    """The verdict on an instruction by itself, wherever it is."""
    for clause in rules.clauses:
        if clause.applies(instruction):
            return Judgement(clause.verdict, clause.rule)
    return Judgement(Verdict.SLOT, rules.otherwise)


def judge(address: int, text: Text, rules: DecodeRules) -> Judgement:
    """The verdict on what is at an address of a text (arm_kprobe_decode_insn)."""
    return Analysis(text, rules).judge(address)


def explain(address: int, text: Text, rules: DecodeRules) -> Refusal | None:
    """Why an address cannot be probed; None if it can."""
    return Analysis(text, rules).explain(address)


@attrs.frozen(slots=False, eq=False)
class Analysis:
    """The rules applied to a text. What was found of its exclusive sequences is kept, so the text must not change."""

    text: Text
    rules: DecodeRules

    @cached_property
    def _sequences(self) -> SequenceFinder:
        return self.rules.sequences.over(self.text)

    def judge(self, address: int) -> Judgement:
        """The verdict on what is at an address: the instruction's own; then, whether it is in an exclusive sequence."""
        instruction = self.text.instruction(address)
        if instruction is None:
            return Judgement(Verdict.REJECT, NOT_TEXT)
        judgement = verdict(instruction, self.rules)
        if not judgement.is_legal:
            return judgement
        opened_by = self._sequences.opened_by(address)
        if opened_by is None:
            return judgement
        return Judgement(Verdict.REJECT, self.rules.sequences.rule, opened_by)

    def explain(self, address: int) -> Refusal | None:
        """Why an address cannot be probed; None if it can."""
        judgement = self.judge(address)
        if judgement.is_legal:
            return None
        instruction = self.text.instruction(address)
        shown = "" if instruction is None else instruction.text(address)
        before, after = self._nearest(address)
        return Refusal(address, shown, judgement, before, after)

    def walk(self) -> Iterator[tuple[int, Instruction, Judgement]]:
        """(address, instruction, verdict) of all code in the text, in the order of its regions."""
        for region in self.text.regions:
            for address in range(region.start, region.stop, WORD):
                instruction = self.text.instruction(address)
                if instruction is not None and self.text.is_code(address):
                    yield address, instruction, self.judge(address)

    def _nearest(self, address: int) -> tuple[int | None, int | None]:
        region = next((item for item in self.text.regions if address in item), None)
        for around in (self.text.symbol(address), region):
            if around is None:
                continue
            before = self._first_legal(range((address - 1) & -WORD, around.start - 1, -WORD))
            after = self._first_legal(range((address & -WORD) + WORD, around.stop, WORD))
            if before is not None or after is not None:
                return before, after
        return None, None

    def _first_legal(self, places: Iterable[int]) -> int | None:
        return next((place for place in places if self.text.is_code(place) and self.judge(place).is_legal), None)
