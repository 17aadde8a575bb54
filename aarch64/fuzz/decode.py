"""Fuzzing decoders: words, and what we and others make of them."""

from __future__ import annotations

import re
from contextlib import contextmanager
from enum import Enum, unique
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from aarch64.errors import AssemblyError
from aarch64.fuzz import laws
from aarch64.fuzz.decoders.capstone_ import Capstone
from aarch64.fuzz.decoders.command import Command
from aarch64.fuzz.decoders.differences import Difference, read_differences
from aarch64.fuzz.decoders.llvm import Llvm
from aarch64.fuzz.oracles import DECODERS, DecodeOracle, OracleError, plugged_in
from aarch64.fuzz.target import Agreement, Divergence
from aarch64.fuzz.words import simpler_words
from aarch64.isa import table
from aarch64.sampling import WordKind, draw_word

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aarch64.fuzz.oracles import Answer
    from aarch64.fuzz.target import Json, Verdict
    from aarch64.isa.decoder import Decoded


@unique
class TextRule(Enum):
    """When two texts of a word are the same."""

    EXACT = "exact"
    """To the letter, but for blanks."""
    MEANING = "meaning"
    """When theirs, assembled, is the word again: decimal or hexadecimal, an alias or not, is their choice."""
    NONE = "none"
    """Always: only allocation is compared."""


SELF = "self"
"""The name of no oracle: the laws alone."""

_NEAR_ALIAS = 0.2
"""So much more often than by default: what a condition forgets is one word in many."""

COMMAND_RULE = TextRule.MEANING


@attrs.frozen
class BuiltIn:
    """A decoder that is known by name: how to make it, how it writes, and where it is known to be wrong."""

    make: Callable[[], DecodeOracle]
    rule: TextRule
    differences: str


BUILT_IN: Mapping[str, BuiltIn] = {
    "llvm": BuiltIn(Llvm, TextRule.EXACT, "llvm"),
    "capstone": BuiltIn(Capstone, TextRule.MEANING, "capstone"),
}


@attrs.frozen
class DecodeSetup:
    """The decoder to compare with: by name, as a command, or (from Python) the object itself.

    `rule` is by default the decoder's own; `timeout` is what a command has for a batch, in seconds.
    """

    oracle: str = SELF
    command: str = ""
    timeout: float = 60.0
    rule: TextRule | None = None
    decoder: DecodeOracle | None = None
    target: str = attrs.field(default="decode", init=False)

    @property
    def share(self) -> int:
        """How many words are worth checking together: a command is started for each share."""
        return 5000 if self.command else 2000

    @contextmanager
    def opened(self) -> Iterator[DecodeTarget]:
        """The target; OracleError if the decoder is not there."""
        yield DecodeTarget(self._judge())

    def _judge(self) -> Judge:
        if self.decoder is not None:
            return Comparison(self.decoder, self.rule or COMMAND_RULE, ())
        if self.command:
            return Comparison(Command(self.command, self.timeout), self.rule or COMMAND_RULE, ())
        if self.oracle == SELF:
            return Laws()
        if built_in := BUILT_IN.get(self.oracle):
            return Comparison(built_in.make(), self.rule or built_in.rule, read_differences(built_in.differences))
        return Comparison(plugged_in(DECODERS, self.oracle), self.rule or COMMAND_RULE, ())

    def to_json(self) -> Json:
        """The decoder as JSON."""
        named = {"command": self.command} if self.command else {"oracle": self.oracle}
        return named | {"text": self.rule.value if self.rule else None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DecodeSetup:
        """The setup that `to_json` wrote; KeyError or ValueError if it is none."""
        rule = TextRule(data["text"]) if data["text"] is not None else None
        if "command" in data:
            return cls(command=str(data["command"]), rule=rule)
        return cls(str(data["oracle"]), rule=rule)


class Judge(Protocol):
    """Says what there is to say about words."""

    def check(self, words: Sequence[int]) -> Sequence[Verdict]:
        """The verdict on each."""


@attrs.frozen
class DecodeTarget:
    """Words, judged: a case is a word."""

    judge: Judge
    together: int = attrs.field(default=100, init=False)
    """Oracles may be processes."""

    def draw(self, rng: random.Random) -> int:
        """A word."""
        kind = WordKind.NEAR_ALIAS if rng.random() < _NEAR_ALIAS else None
        return int(draw_word(rng, kind))

    def check(self, cases: Sequence[int]) -> Sequence[Verdict]:
        """The verdict on each word."""
        return self.judge.check(cases)

    def simpler(self, case: int) -> Iterator[int]:
        """Words with a field nearer to zero; of an unallocated word, with a bit less."""
        return simpler_words(case)

    def words(self, case: int) -> Sequence[int]:
        """The word."""
        return (case,)

    def lines(self, case: int) -> Sequence[str]:
        """The word and its text."""
        return (f"{case:08x}  {table.disassemble(case)}",)

    def to_json(self, case: int) -> Json:
        """The word in hexadecimal."""
        return {"word": f"{case:#010x}"}

    def from_json(self, data: Mapping[str, Any]) -> int:
        """The word that `to_json` wrote."""
        word = int(data["word"], 16)
        if not 0 <= word < 1 << 32:
            raise ValueError(f"{word:#x} is not a 32-bit word")
        return word


def place_of(decoded: Decoded | None, their_text: Answer) -> str:
    """Where a word belongs: title and mnemonic; of one that we take for unallocated, what they take it for."""
    if decoded is None:
        return f"unallocated: {_mnemonic(their_text or '')}".rstrip(": ")
    title, text = decoded.definition.title, table.disassemble(decoded.word)
    return title if text.startswith(".inst") else f"{title}: {_mnemonic(text)}"


def _mnemonic(text: str) -> str:
    return text.partition(" ")[0]


# --- laws


class Laws:
    """The laws, one after the other: told is the first that a word breaks."""

    def check(self, words: Sequence[int]) -> Sequence[Verdict]:
        """The verdict on each word."""
        return [self._verdict(word) for word in words]

    def _verdict(self, word: int) -> Verdict:
        for law in laws.LAWS:
            try:
                violation = law(word)
            except Exception as error:  # noqa: BLE001  (whatever is raised, that it is raised is the finding)
                return Divergence(f"{law.__name__} raises", _bare_place(word), law.__doc__ or "", repr(error))
            if violation is not None:
                return Divergence(violation.law, _bare_place(word), violation.demanded, violation.found)
        return Agreement.SAME


def _bare_place(word: int) -> str:
    """Where a word belongs, by what cannot fail: its title."""
    try:
        decoded = table.decode(word)
    except Exception as error:  # noqa: BLE001  (as above)
        return type(error).__name__
    return decoded.definition.title if decoded else "unallocated"


# --- comparison


@attrs.frozen
class Comparison:
    """Another decoder's answers beside ours."""

    oracle: DecodeOracle
    rule: TextRule
    differences: Sequence[Difference]

    def check(self, words: Sequence[int]) -> Sequence[Verdict]:
        """The verdict on each word; what we do not implement is not asked for."""
        decoded = [table.decode(word) for word in words]
        compared = [word for word, item in zip(words, decoded, strict=True) if not _is_unsupported(item)]
        answers = iter(self.answers(compared))
        return [
            Agreement.NOT_COMPARED if _is_unsupported(item) else self._verdict(word, item, next(answers))
            for word, item in zip(words, decoded, strict=True)
        ]

    def answers(self, words: Sequence[int]) -> Sequence[Answer]:
        """The other decoder's answers; OracleError if they are not as many as the words, or there are none."""
        try:
            answers = self.oracle.decode(words)
        except OracleError:
            raise
        except Exception as error:
            raise OracleError(f"{type(self.oracle).__name__}: {error!r}") from error
        if len(answers) != len(words):
            raise OracleError(f"{type(self.oracle).__name__}: {len(answers)} answers for {len(words)} words")
        return answers

    def _verdict(self, word: int, decoded: Decoded | None, theirs: Answer) -> Verdict:
        ours = None if decoded is None else table.disassemble(word)
        kind = self._difference(decoded, ours, theirs)
        if kind is None:
            return Agreement.SAME
        reason = next((item.reason for item in self.differences if item.explains(word, kind)), "")
        return Divergence(kind, place_of(decoded, theirs), _shown(ours), _shown(theirs), reason)

    def _difference(self, decoded: Decoded | None, ours: Answer, theirs: Answer) -> str | None:
        """How two answers differ: `allocation`, `text`; None if they do not."""
        if decoded is None or theirs is None:
            return None if ours == theirs else "allocation"
        if not theirs or self.rule is TextRule.NONE or _spaced(theirs) == ours:
            return None
        if self.rule is TextRule.MEANING and means(theirs, decoded):
            return None
        return "text"


def _is_unsupported(decoded: Decoded | None) -> bool:
    return decoded is not None and decoded.definition.unsupported is not None


def _shown(answer: Answer) -> str:
    return "unallocated" if answer is None else answer or "allocated"


def _spaced(text: str) -> str:
    return " ".join(text.split())


_COMMENT = re.compile(r"\s*(//|;).*")
_NUMBER = re.compile(r"(?<![-\w])(0x[0-9a-f]+|[0-9]+)\b", re.IGNORECASE)


def means(text: str, decoded: Decoded) -> bool:
    """Whether a text, perhaps with a comment, is one way to write a word: assembled, it is that word again."""
    try:
        word = table.assemble(_NUMBER.sub(_signed, _COMMENT.sub("", text)))
    except AssemblyError:
        return False
    return word == laws.canonical(decoded) or table.disassemble(word) == table.disassemble(decoded.word)


def _signed(number: re.Match[str]) -> str:
    """A number of 64 bits as who writes offsets unsigned means it."""
    value = int(number[0], 0) if number[0].lower().startswith("0x") else int(number[0])
    return str(value - (1 << 64)) if value >> 63 == 1 else number[0]
