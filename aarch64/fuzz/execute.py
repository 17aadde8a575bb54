"""Fuzzing emulators: one instruction in a state, on theirs and on ours."""

from __future__ import annotations

from contextlib import contextmanager
from enum import Enum, unique
from typing import TYPE_CHECKING, Any

import attrs

from aarch64.fuzz.emulators.differences import Difference, read_differences
from aarch64.fuzz.emulators.ours import Blocks, Semantics
from aarch64.fuzz.emulators.pair import Pair
from aarch64.fuzz.emulators.situation import CODE, DATA, draw_case_state
from aarch64.fuzz.emulators.stepped import Stepped, WrongStep
from aarch64.fuzz.emulators.unicorn_ import Unicorn
from aarch64.fuzz.oracles import EMULATORS, ExecuteOracle, FailureError, OracleError, Outcome, plugged_in
from aarch64.fuzz.states import simpler_states, state_from_json, state_lines, state_to_json
from aarch64.fuzz.target import Agreement, Divergence
from aarch64.fuzz.words import registers_of, simpler_words, with_lower_register
from aarch64.isa import table
from aarch64.isa.definition import Trait
from aarch64.sampling import IMPLEMENTED, State, draw_fields

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aarch64.fuzz.oracles import Failure
    from aarch64.fuzz.target import Json, Verdict
    from aarch64.isa.decoder import Decoded

_SYSTEM = Trait.READS_SYSREG | Trait.WRITES_SYSREG | Trait.WAITS
_RETURNS = frozenset({"ERET", "ERETAA, ERETAB", "DRPS"})
COMPARED = tuple(item for item in IMPLEMENTED if not item.traits & _SYSTEM and item.title not in _RETURNS)
"""What works on general-purpose registers, flags, PC and memory alone; nothing of system registers and levels."""
_COMPARED = frozenset(COMPARED)

_SHOWN_BYTES = 16
_EXCLUSIVE = Trait.LOAD_EXCLUSIVE | Trait.STORE_EXCLUSIVE | Trait.CLEARS_EXCLUSIVE


@unique
class Tier(Enum):
    """Which of our ways to execute is compared."""

    EXACT = "exact"
    """The semantic functions."""
    BLOCKS = "blocks"
    """What the hot path compiles, each instruction by itself."""
    STEPPED = "stepped"
    """The debug unit stepping through each instruction, and what its exceptions tell."""


_TIERS: Mapping[Tier, Callable[[], Semantics]] = {
    Tier.EXACT: Semantics,
    Tier.BLOCKS: Blocks,
    Tier.STEPPED: Stepped,
}


@attrs.frozen
class BuiltIn:
    """An emulator that is known by name: how to make it, and where it is known to be wrong."""

    make: Callable[[], ExecuteOracle]
    differences: str


BUILT_IN: Mapping[str, BuiltIn] = {"unicorn": BuiltIn(Unicorn, "unicorn")}


@attrs.frozen
class ExecuteCase:
    """An instruction at `situation.CODE`, and the registers that it finds."""

    word: int
    state: State


@attrs.frozen
class ExecuteSetup:
    """The emulator to compare with, by name or (from Python) a function that makes it; and our tier."""

    oracle: str = "unicorn"
    tier: Tier = Tier.EXACT
    make: Callable[[], ExecuteOracle] | None = None
    target: str = attrs.field(default="execute", init=False)

    @property
    def share(self) -> int:
        """How many cases are worth checking together: compiling blocks takes time."""
        return 100 if self.tier is Tier.BLOCKS else 500

    @contextmanager
    def opened(self) -> Iterator[ExecuteTarget]:
        """The target; OracleError if the emulator is not there."""
        differences: Sequence[Difference] = ()
        if self.make is not None:
            theirs = self.make()
        elif built_in := BUILT_IN.get(self.oracle):
            theirs, differences = built_in.make(), read_differences(built_in.differences)
        else:
            theirs = plugged_in(EMULATORS, self.oracle)
        yield ExecuteTarget(Pair(theirs, _TIERS[self.tier]()), differences)

    def to_json(self) -> Json:
        """The emulator and the tier as JSON."""
        return {"oracle": self.oracle, "tier": self.tier.value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> ExecuteSetup:
        """The setup that `to_json` wrote; KeyError or ValueError if it is none."""
        return cls(str(data["oracle"]), Tier(data["tier"]))


@attrs.frozen
class ExecuteTarget:
    """Instructions in states, on both sides."""

    pair: Pair
    differences: Sequence[Difference]
    together: int = attrs.field(default=1, init=False)

    def draw(self, rng: random.Random) -> ExecuteCase:
        """An instruction, each definition as likely, in a state that it can do something in."""
        definition = rng.choice(COMPARED)
        fields = draw_fields(definition, rng)
        return ExecuteCase(definition.encode(fields), draw_case_state(definition, fields, rng))

    def check(self, cases: Sequence[ExecuteCase]) -> Sequence[Verdict]:
        """The verdict on each case."""
        return [self._verdict(case) for case in cases]

    def _verdict(self, case: ExecuteCase) -> Verdict:
        decoded = table.decode(case.word)
        if decoded is None or decoded.definition not in _COMPARED:
            return Agreement.NOT_COMPARED
        try:
            outcomes = self._compared(decoded, case.state)
        except FailureError as error:
            return self._failed(decoded, case.state, error.failure)
        except OracleError:
            raise
        except WrongStep as wrong:
            return Divergence("step exception", _place(decoded), wrong.taken, wrong.demanded)
        except Exception as error:  # noqa: BLE001  (whatever ours raises, that it is raised is the finding)
            return Divergence("raises", _place(decoded), repr(error), "")
        theirs, ours = outcomes
        kind = _difference(theirs, ours)
        if kind is None:
            return Agreement.SAME
        explaining = (
            item.reason for item in self.differences if item.explains(decoded.definition, decoded.fields, theirs, ours)
        )
        shown = _shown(ours, theirs, case.state), _shown(theirs, ours, case.state)
        return Divergence(kind, _place(decoded), *shown, next(explaining, ""))

    def _compared(self, decoded: Decoded, state: State) -> tuple[Outcome, Outcome]:
        if decoded.definition.traits & _EXCLUSIVE:
            self.pair.forget_exclusive()
        return self.pair.compare(decoded, state)

    def _failed(self, decoded: Decoded, state: State, failure: Failure) -> Divergence:
        """Theirs fails over what ours executes, once more."""
        if decoded.definition.traits & _EXCLUSIVE:
            self.pair.ours.forget_exclusive()
        ours = _shown(self.pair.execute_ours(decoded, state), Outcome(raised=True), state)
        return Divergence(failure.kind.value, decoded.definition.title, ours, failure.what)

    def simpler(self, case: ExecuteCase) -> Iterator[ExecuteCase]:
        """Registers renumbered downwards, fields nearer to zero, registers that hold less."""
        decoded = table.decode(case.word)
        if decoded is None:
            return
        for word, number, lower in with_lower_register(decoded):
            x = list(case.state.x)
            x[number], x[lower] = x[lower], x[number]
            yield ExecuteCase(word, attrs.evolve(case.state, x=tuple(x)))
        yield from (ExecuteCase(word, case.state) for word in simpler_words(case.word))
        yield from (ExecuteCase(case.word, state) for state in simpler_states(case.state, registers_of(decoded)))

    def words(self, case: ExecuteCase) -> Sequence[int]:
        """The instruction."""
        return (case.word,)

    def lines(self, case: ExecuteCase) -> Sequence[str]:
        """The instruction, and the registers that are not zero."""
        return (f"{case.word:08x}  {table.disassemble(case.word)}", *state_lines(case.state))

    def to_json(self, case: ExecuteCase) -> Json:
        """The word, and the registers that are not zero, in hexadecimal."""
        return {"word": f"{case.word:#010x}", "state": state_to_json(case.state)}

    def from_json(self, data: Mapping[str, Any]) -> ExecuteCase:
        """The case that `to_json` wrote."""
        word = int(data["word"], 16)
        if not 0 <= word < 1 << 32:
            raise ValueError(f"{word:#x} is not a 32-bit word")
        return ExecuteCase(word, state_from_json(data["state"]))


def _place(decoded: Decoded) -> str:
    return f"{decoded.definition.title}: {table.disassemble(decoded.word).partition(' ')[0]}"


def _difference(theirs: Outcome, ours: Outcome) -> str | None:
    """What differs first: an exception, the PC, registers (SP is one), flags, memory; None if nothing does."""
    if theirs.comparable == ours.comparable:
        return None
    if theirs.raised != ours.raised:
        return "exception"
    if theirs.pc != ours.pc:
        return "pc"
    if (theirs.x, theirs.sp) != (ours.x, ours.sp):
        return "registers"
    return "flags" if theirs.nzcv != ours.nzcv else "memory"


def _shown(outcome: Outcome, other: Outcome, before: State) -> str:
    """An outcome, as far as it differs from the other one; if that is an exception, from the state before."""
    if outcome.raised:
        return "exception" + " (misaligned)" * outcome.is_misaligned
    reference = Outcome(False, False, before.x, before.sp, CODE, before.nzcv) if other.raised else other
    parts, beside = _parts(outcome), _parts(reference)
    shown = [f"{name}={parts[name]}" for name in parts if parts[name] != beside[name]]
    if outcome.memory != reference.memory and not other.raised:
        place = next(place for place, byte in enumerate(outcome.memory) if byte != reference.memory[place])
        shown.append(f"[{DATA + place:#x}]={outcome.memory[place : place + _SHOWN_BYTES].hex(' ')}")
    return " ".join(shown)


def _parts(outcome: Outcome) -> dict[str, str]:
    registers = {f"x{number}": f"{value:#x}" for number, value in enumerate(outcome.x)}
    return {**registers, "sp": f"{outcome.sp:#x}", "pc": f"{outcome.pc:#x}", "nzcv": f"{outcome.nzcv:04b}"}
