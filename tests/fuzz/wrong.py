"""A decoder and an emulator that are ours but for what is wrong with them."""

import attrs

from aarch64.fuzz.emulators.ours import Semantics
from aarch64.isa import table


@attrs.frozen
class WrongDecoder:
    """Disassembles as we do, but swaps the factors of MSUB, and takes UDF for unallocated."""

    def decode(self, words):
        return [self._answer(word) for word in words]

    def _answer(self, word):
        decoded = table.decode(word)
        if decoded is None or decoded.definition.unsupported or decoded.definition.title == "UDF":
            return None
        text = table.disassemble(word)
        if decoded.definition.title == "MSUB" and decoded.fields["ra"] != 31:
            name, rd, rn, rm, ra = text.replace(",", "").split()
            return f"{name} {rd}, {rn}, {ra}, {rm}"
        return text


class WrongEmulator(Semantics):
    """Executes as we do, but UMULH loses bit 63, and CCMP (immediate) the N flag."""

    def execute(self, word, state, _end):
        outcome = super().execute(word, state)
        decoded = table.decode(word)
        rd = decoded.fields.get("rd")
        if outcome.raised or rd == 31:
            return outcome
        if decoded.definition.title == "UMULH":
            x = list(outcome.x)
            x[rd] &= (1 << 63) - 1
            return attrs.evolve(outcome, x=tuple(x))
        if decoded.definition.title == "CCMP (immediate)":
            return attrs.evolve(outcome, nzcv=outcome.nzcv & 0b0111)
        return outcome
