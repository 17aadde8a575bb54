"""Fuzzing decoders: words, and what we and others make of them."""

from __future__ import annotations

import re
import shlex
import sys
from contextlib import contextmanager
from enum import Enum, unique
from typing import TYPE_CHECKING, Any, Protocol

import attrs

from aarch64.errors import AssemblyError
from aarch64.fuzz import laws
from aarch64.fuzz.asking import answers_of, ask
from aarch64.fuzz.decoders.capstone_ import Capstone
from aarch64.fuzz.decoders.command import BATCH, Command
from aarch64.fuzz.decoders.differences import Difference, read_differences
from aarch64.fuzz.decoders.llvm import Llvm
from aarch64.fuzz.oracles import DECODERS, DecodeOracle, Failure, plugged_in
from aarch64.fuzz.target import Agreement, Divergence, UnfinishedError
from aarch64.fuzz.words import simpler_words
from aarch64.isa import table
from aarch64.sampling import WordKind, draw_word

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from aarch64.fuzz.asking import Reply
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

_NEAR_ALIAS, _ONE_BIT_OFF = 0.2, 0.3
"""So much more often than by default: what a condition forgets, or a pattern does not look at, is one word in many."""

COMMAND_RULE = TextRule.MEANING
_SERVED = "aarch64.fuzz.decoders.served"
TIMEOUT = 60.0


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

    `rule` is by default the decoder's own; `timeout` is what a program has for a batch, in seconds. A decoder that is
    known by name may be `isolated` in such a program: then it is a finding when it ends its process, or does not end.
    """

    oracle: str = SELF
    command: str = ""
    timeout: float = TIMEOUT
    rule: TextRule | None = None
    decoder: DecodeOracle | None = None
    isolated: bool = False
    target: str = attrs.field(default="decode", init=False)

    @property
    def share(self) -> int:
        """How many words are worth checking together: a command is started for each share."""
        return BATCH if self.command or self.isolated else 2000

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
        decoder = self._isolated() if self.isolated else decoder_named(self.oracle)
        if built_in := BUILT_IN.get(self.oracle):
            return Comparison(decoder, self.rule or built_in.rule, read_differences(built_in.differences))
        return Comparison(decoder, self.rule or COMMAND_RULE, ())

    def _isolated(self) -> Command:
        return Command(shlex.join([sys.executable, "-m", _SERVED, self.oracle]), self.timeout)

    def to_json(self) -> Json:
        """The decoder as JSON."""
        named: Json = {"command": self.command} if self.command else {"oracle": self.oracle}
        rare: Json = {"timeout": self.timeout} if self.timeout != TIMEOUT else {}
        if self.isolated:
            rare["isolated"] = True
        return named | {"text": self.rule.value if self.rule else None} | rare

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> DecodeSetup:
        """The setup that `to_json` wrote; KeyError or ValueError if it is none."""
        rule = TextRule(data["text"]) if data["text"] is not None else None
        timeout = float(data.get("timeout", TIMEOUT))
        if "command" in data:
            return cls(command=str(data["command"]), timeout=timeout, rule=rule)
        return cls(str(data["oracle"]), timeout=timeout, rule=rule, isolated=bool(data.get("isolated")))


def decoder_named(name: str) -> DecodeOracle:
    """A decoder that is built in, or an entry point; OracleError if it is not there."""
    if built_in := BUILT_IN.get(name):
        return built_in.make()
    decoder: DecodeOracle = plugged_in(DECODERS, name)
    return decoder


def _draw_kind(rng: random.Random) -> WordKind | None:
    """A kind that is drawn more often, or None for the usual mix."""
    chance = rng.random()
    if chance < _NEAR_ALIAS:
        return WordKind.NEAR_ALIAS
    return WordKind.ONE_BIT_OFF if chance < _NEAR_ALIAS + _ONE_BIT_OFF else None


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
        return int(draw_word(rng, _draw_kind(rng)))

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
        asked = ask(self.oracle, compared, _title)
        if asked.error and not asked.replies:
            raise asked.error
        verdicts = [
            self._verdict(word, item, asked.replies[word]) if word in asked.replies else Agreement.NOT_COMPARED
            for word, item in zip(words, decoded, strict=True)
        ]
        if asked.error:
            raise UnfinishedError(str(asked.error), verdicts) from asked.error
        return verdicts

    def answers(self, words: Sequence[int]) -> Sequence[Answer]:
        """The other decoder's answers; OracleError if they are not as many as the words, or there are none."""
        return answers_of(self.oracle, words)

    def _verdict(self, word: int, decoded: Decoded | None, theirs: Reply) -> Verdict:
        ours = None if decoded is None else table.disassemble(word)
        if isinstance(theirs, Failure):
            return Divergence(theirs.kind.value, _bare_place(word), _shown(ours), theirs.what)
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


def _title(word: int) -> str | None:
    decoded = table.decode(word)
    return decoded.definition.title if decoded else None


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
