"""Asking another decoder about many words, when it may fail over some of them.

A batch that fails is asked again without the word that makes it fail: that is looked for behind the last answer that
came, or else by halves. What else there is of its definition in the batch is left out then, or a decoder that fails for
a whole instruction would be started for nothing else.
"""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, TypeAlias

import attrs

from aarch64.fuzz.oracles import Answer, Failure, FailureError, FailureKind, OracleError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from aarch64.fuzz.oracles import DecodeOracle

Reply: TypeAlias = Answer | Failure
"""What there is of a word: an answer, or none."""

CONTROLS = (0xD503_201F, 0x8B02_0020, 0xD65F_03C0)
"""NOP, ADD X0, X1, X2 and RET: who answers no two of them cannot be asked anything."""

MOST = {FailureKind.CRASH: 16, FailureKind.HANG: 3, FailureKind.NO_ANSWER: 16}
"""So many words of a batch are looked for that make it fail so; a program is started for each, or some 25 times."""


@attrs.frozen
class Asked:
    """What became of a batch."""

    replies: Mapping[int, Reply]
    """By the word; there is none for words that were left out."""
    error: OracleError | None = None
    """Why the rest was not asked about."""


def ask(oracle: DecodeOracle, words: Sequence[int], title_of: Callable[[int], str | None]) -> Asked:
    """What a decoder makes of each word; `title_of` names the definition of a word, None if it has none."""
    inquiry = _Inquiry(oracle, title_of)
    try:
        inquiry.ask(words)
    except OracleError as error:
        return Asked(inquiry.replies, error)
    return Asked(inquiry.replies)


def answers_of(oracle: DecodeOracle, words: Sequence[int]) -> list[Answer]:
    """The answers to all words.

    Raises:
        FailureError: there are none, or they are not as they should be.
        OracleError: the decoder says itself that it cannot answer.
    """
    name = type(oracle).__name__
    try:
        answers = list(oracle.decode(words))
    except OracleError:
        raise
    except (Exception, SystemExit) as error:
        raise FailureError(name, Failure(FailureKind.CRASH, repr(error))) from error
    if len(answers) != len(words):
        what = f"{len(answers)} answers for {len(words)} words"
        raise FailureError(name, Failure(FailureKind.NO_ANSWER, what))
    for place, answer in enumerate(answers):
        if not _is_answer(answer):
            failure = Failure(FailureKind.NO_ANSWER, f"{answer!r} is neither a text nor None")
            raise FailureError(name, failure, answers[:place])
    return answers


def _is_answer(answer: object) -> bool:
    return answer is None or isinstance(answer, str)


@attrs.define
class _Inquiry:
    """The questions about a batch."""

    oracle: DecodeOracle
    title_of: Callable[[int], str | None]
    replies: dict[int, Reply] = attrs.field(factory=dict, init=False)
    _failures: Counter[FailureKind] = attrs.field(factory=Counter, init=False)
    _titles: set[str | None] = attrs.field(factory=set, init=False)
    """The definitions of words that have failed."""

    def ask(self, words: Sequence[int]) -> None:
        """Ask about all of them; OracleError if it is no use to go on."""
        try:
            self._take(words, answers_of(self.oracle, words))
        except FailureError as error:
            self._check_life(error)
            self._follow_up(words, error)

    def _take(self, words: Sequence[int], answers: Sequence[Answer]) -> None:
        self.replies.update(zip(words, answers, strict=True))

    def _check_life(self, error: FailureError) -> None:
        """Refuse an oracle that answers nothing: what it fails over is no word then."""
        for words in combinations(CONTROLS, 2):
            try:
                answers_of(self.oracle, words)
            except FailureError:
                continue
            return
        nop, add, *_ = CONTROLS
        raise OracleError(f"{error} (nor does it answer {nop:08x} and {add:08x})") from error

    def _ask_part(self, words: Sequence[int]) -> None:
        words = [word for word in dict.fromkeys(words) if word not in self.replies and not self._is_left_out(word)]
        if not words:
            return
        try:
            self._take(words, answers_of(self.oracle, words))
        except FailureError as error:
            self._follow_up(words, error)

    def _is_left_out(self, word: int) -> bool:
        return self.title_of(word) in self._titles

    def _follow_up(self, words: Sequence[int], error: FailureError) -> None:
        """Find what makes these words fail."""
        if len(words) == 1:
            self._note(words[0], error)
            return
        done = len(error.answered)
        if 0 < done < len(words) and self._fails(words[done]):
            self._take(words[:done], error.answered)
            self._ask_part(words[done + 1 :])
            return
        before, middle = self._failures.total(), len(words) // 2
        self._ask_part(words[:middle])
        self._ask_part(words[middle:])
        if self._failures.total() == before:
            raise OracleError(f"{error}; but it answers the same {len(words)} words in two parts") from error

    def _fails(self, word: int) -> bool:
        self._ask_part([word])
        return isinstance(self.replies.get(word), Failure)

    def _note(self, word: int, error: FailureError) -> None:
        kind = error.failure.kind
        self.replies[word] = error.failure
        self._failures[kind] += 1
        if self._failures[kind] > MOST[kind]:
            raise OracleError(f"{error.name}: {kind.value} for more than {MOST[kind]} words: mend these first")
        if title := self.title_of(word):
            self._titles.add(title)
