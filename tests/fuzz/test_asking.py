"""Asking decoders that fail over some words: which they are, and what the others get for an answer."""

import sys
from pathlib import Path

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.fuzz.asking import CONTROLS, MOST, ask
from aarch64.fuzz.decode import Comparison, DecodeSetup, TextRule
from aarch64.fuzz.oracles import Failure, FailureError, FailureKind, OracleError
from aarch64.fuzz.target import Agreement, UnfinishedError
from aarch64.isa import table
from aarch64.isa.table import assemble
from tests.fuzz.wrong import WrongDecoder

ROOT = Path(__file__).parents[2]

ADD, SUB, AND = (assemble(f"{name} x0, x1, x2") for name in ("add", "sub", "and"))
HANG = Failure(FailureKind.HANG, "no answer in 5 seconds")


@attrs.define
class Decoder:
    """Answers with the number of each word, but where one of those `over` comes: then it tells `flushed` answers."""

    over: frozenset[int]
    flushed: int = 0
    asked: int = attrs.field(default=0, init=False)

    def decode(self, words):
        self.asked += 1
        first = next((place for place, word in enumerate(words) if word in self.over), None)
        if first is None:
            return [str(word) for word in words]
        raise FailureError("it", HANG, [str(word) for word in words[: min(first, self.flushed)]])


def alone(_word):
    """No word is like another one."""


@given(st.lists(st.integers(0, 200)), st.frozensets(st.integers(0, 200), max_size=MOST[FailureKind.HANG]), st.data())
def test_all_but_what_it_fails_over_is_answered(words, over, data):
    decoder = Decoder(over, data.draw(st.integers(0, len(words))))
    asked = ask(decoder, words, alone)
    assert asked.error is None
    assert asked.replies == {word: HANG if word in over else str(word) for word in words}
    most = sum(word in over for word in words) * 3 * max(1, len(words)).bit_length() + 2
    assert decoder.asked <= most


def test_what_has_written_its_lines_is_not_asked_by_halves():
    decoder = Decoder(frozenset({700}), flushed=1000)
    assert ask(decoder, range(1000), alone).replies[700] == HANG
    assert decoder.asked == 4, "all, the controls, the word, what comes after it"


def test_what_is_like_a_word_that_failed_is_left_out():
    asked = ask(Decoder(frozenset(range(0, 1000, 10))), range(1000), lambda word: "tens" if word % 10 == 0 else None)
    assert asked.error is None
    assert asked.replies[0] == HANG
    assert asked.replies.keys() == {0} | {word for word in range(1000) if word % 10}


def test_too_many_words_end_it_with_what_is_known():
    most = MOST[FailureKind.HANG]
    asked = ask(Decoder(frozenset(range(10, 100)), flushed=100), range(100), alone)
    assert str(asked.error) == f"it: hang for more than {most} words: mend these first"
    assert asked.replies.keys() == set(range(10 + most + 1))


class Nobody:
    def decode(self, words):
        raise ValueError(words[0])


class Moody:
    def decode(self, words):
        return [""] * min(len(words), 2)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        (Nobody(), r"^Nobody: ValueError\(2332164128\) \(nor does it answer d503201f and 8b020020\)$"),
        (Decoder(frozenset(CONTROLS) | {ADD}), r"^it: no answer in 5 seconds \(nor does it answer"),
        (Moody(), "^Moody: 2 answers for 4 words; but it answers the same 4 words in two parts$"),
    ],
    ids=["raises", "controls", "moody"],
)
def test_who_fails_for_no_word_is_refused(decoder, message):
    assert table.disassemble(ADD) == "add x0, x1, x2"
    with pytest.raises(OracleError, match=message):
        Comparison(decoder, TextRule.MEANING, ()).check([ADD, SUB, AND, ADD])


# --- verdicts


@attrs.frozen
class Failing(WrongDecoder):
    """Does something else for words of EXTR."""

    what: object = None

    def _answer(self, word):
        decoded = table.decode(word)
        return self.what() if decoded and decoded.definition.title == "EXTR" else super()._answer(word)


def raising(error):
    def fail():
        raise error

    return fail


EXTR = assemble("extr x0, x1, x2, #3")


@pytest.mark.parametrize(
    ("what", "kind", "theirs"),
    [
        (raising(KeyError("x")), "crash", "KeyError('x')"),
        (raising(SystemExit(3)), "crash", "SystemExit(3)"),
        (raising(RecursionError()), "crash", "RecursionError()"),
        (raising(FailureError("it", HANG)), "hang", "no answer in 5 seconds"),
        (lambda: b"extr", "no answer", "b'extr' is neither a text nor None"),
        (raising(ValueError("x" * 1000)), "crash", f"ValueError('{'x' * 288}..."),
    ],
    ids=["raises", "exits", "recursion", "hangs", "bytes", "long"],
)
def test_a_failure_is_a_finding(what, kind, theirs):
    failed, same = Comparison(Failing(what), TextRule.MEANING, ()).check([EXTR, ADD])
    assert (failed.kind, failed.place, failed.ours, failed.theirs) == (kind, "EXTR", "extr x0, x1, x2, #3", theirs)
    assert failed.is_failure
    assert same is Agreement.SAME


def test_what_is_known_of_an_unfinished_batch_is_told():
    unallocated = [0x0B20_1400 | rd for rd in range(20)]
    decoder = Decoder(frozenset(unallocated))
    with pytest.raises(UnfinishedError, match="hang for more than 3 words: mend these first") as raised:
        Comparison(decoder, TextRule.NONE, ()).check([ADD, *unallocated])
    kinds = [getattr(verdict, "kind", verdict) for verdict in raised.value.verdicts]
    assert kinds == [Agreement.SAME, *["hang"] * 4, *[Agreement.NOT_COMPARED] * 16]


# --- programs

PROGRAM = """
import os, sys, time
for line in sys.stdin:
    if int(line, 16) & 0xFFE00000 == 0x93C00000:  # EXTR of X registers
        {what}
    print("allocated", flush=True)
"""


@pytest.mark.parametrize(
    ("what", "kind", "theirs"),
    [
        ("sys.exit('what is that?')", "crash", "ended with status 1: what is that?"),
        ("os.kill(os.getpid(), 11)", "crash", "killed by signal 11"),
        ("os._exit(0)", "no answer", "0 lines for 1 words: want one line for each word"),
        ("print('two')", "no answer", "2 lines for 1 words: want one line for each word"),
        ("print('ex', end=''); sys.stdout.flush(); os._exit(2)", "crash", "ended with status 2"),
        ("time.sleep(60)", "hang", "no answer to 1 words in 1 seconds: it is to end when its standard input does"),
    ],
    ids=["exits", "killed", "ends", "two lines", "torn line", "hangs"],
)
def test_a_program_that_fails_over_a_word(tmp_path, what, kind, theirs):
    path = tmp_path / "decoder.py"
    path.write_text(PROGRAM.format(what=what))
    command = f"{sys.executable} -S -E {path}"
    with DecodeSetup(command=command, timeout=1 if kind == "hang" else 60, rule=TextRule.NONE).opened() as target:
        *before, failed, last = target.check([ADD, SUB, EXTR, AND])
        assert [*before, last] == [Agreement.SAME] * 3
        assert (failed.kind, failed.place, failed.ours) == (kind, "EXTR", "extr x0, x1, x2, #3")
        assert failed.theirs.startswith(theirs)


MINE = """
import os

class Decoder:
    def decode(self, words):
        print("what I print is no answer")
        return [self.answer(word) for word in words]

    def answer(self, word):
        return os.abort() if word == {extr} else ""
"""


def test_a_decoder_by_its_name_may_kill_a_process_of_its_own(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(MINE.format(extr=EXTR))
    (tmp_path / "mine-1.dist-info").mkdir()
    (tmp_path / "mine-1.dist-info" / "entry_points.txt").write_text("[aarch64_kprobes.decoders]\nmine=mine:Decoder\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    with DecodeSetup("mine", isolated=True).opened() as target:
        (failed,) = target.check([EXTR])
    assert (failed.kind, failed.theirs) == ("crash", "killed by signal 6: what I print is no answer")
