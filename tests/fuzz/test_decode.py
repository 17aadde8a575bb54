"""Fuzzing decoders: when answers differ, the laws, known differences, cases as JSON."""

import random

import pytest
from hypothesis import given, settings

from aarch64.fuzz import laws, oracles
from aarch64.fuzz.campaign import Budget, Campaign
from aarch64.fuzz.decode import Comparison, DecodeSetup, Laws, TextRule
from aarch64.fuzz.oracles import OracleError
from aarch64.fuzz.target import Agreement, Divergence
from aarch64.fuzz.words import simpler_words
from aarch64.isa import table
from aarch64.isa.table import assemble
from aarch64.strategies import words
from tests.fuzz.wrong import WrongDecoder

FEW = 40
"""Words, of which tests/laws tries many thousands."""

ADD = assemble("add x0, x1, #16")
B_BACK = assemble("b #-8")
UNALLOCATED = 0x0B20_1400  # ADD (extended register) that shifts by 5
FADD = 0x1E22_2820


class Saying:
    """A decoder that gives the same answer to every word."""

    def __init__(self, answer):
        self.answer = answer

    def decode(self, words):
        return [self.answer for _ in words]


@pytest.mark.parametrize(
    ("word", "rule", "theirs", "kind"),
    [
        (ADD, TextRule.EXACT, "add x0, x1, #16", None),
        (ADD, TextRule.EXACT, "add\tx0,  x1, #16", None),
        (ADD, TextRule.EXACT, "add x0, x1, #0x10", "text"),
        (ADD, TextRule.EXACT, "ADD X0, X1, #16", "text"),
        (ADD, TextRule.MEANING, "ADD X0,X1,#0x10 // sixteen", None),
        (ADD, TextRule.MEANING, "add x0, x1, 16", None),
        (ADD, TextRule.MEANING, "add x0, x1, #17", "text"),
        (ADD, TextRule.MEANING, "add x0, x2, #16", "text"),
        (ADD, TextRule.MEANING, "add.w r0", "text"),
        (ADD, TextRule.MEANING, "", None),
        (ADD, TextRule.EXACT, "", None),
        (ADD, TextRule.NONE, "add.w r0", None),
        (ADD, TextRule.NONE, None, "allocation"),
        (B_BACK, TextRule.MEANING, "b #0xfffffffffffffff8", None),
        (B_BACK, TextRule.MEANING, "b #-0x8", None),
        (B_BACK, TextRule.MEANING, "b #8", "text"),
        (assemble("mov x0, x1"), TextRule.MEANING, "orr x0, xzr, x1", None),
        (assemble("lsr w0, w1, #31"), TextRule.MEANING, "ubfx w0, w1, #31, #1", None),
        (assemble("lsr w0, w1, #31"), TextRule.EXACT, "ubfx w0, w1, #31, #1", "text"),
        (UNALLOCATED, TextRule.MEANING, None, None),
        (UNALLOCATED, TextRule.MEANING, "add x0, x0, x0", "allocation"),
        (UNALLOCATED, TextRule.NONE, "", "allocation"),
    ],
)
def test_when_answers_differ(word, rule, theirs, kind):
    (verdict,) = Comparison(Saying(theirs), rule, ()).check([word])
    assert (verdict.kind if isinstance(verdict, Divergence) else None) == kind
    assert kind or verdict is Agreement.SAME


def test_what_is_not_implemented_is_not_asked_for():
    assert Comparison(Saying(None), TextRule.EXACT, ()).check([FADD]) == [Agreement.NOT_COMPARED]


def test_where_a_difference_is():
    (refused, taken) = Comparison(Saying("add x0, x0, x0"), TextRule.EXACT, ()).check([ADD, UNALLOCATED])
    assert (refused.place, refused.ours, refused.theirs) == (
        "ADD (immediate): add",
        "add x0, x1, #16",
        "add x0, x0, x0",
    )
    assert (taken.place, taken.ours) == ("unallocated: add", "unallocated")


class TooFew:
    def decode(self, words):
        return words[1:]


class Raising:
    def decode(self, words):
        raise ValueError(words[0])


@pytest.mark.parametrize(
    ("decoder", "message"),
    [(TooFew(), "TooFew: 1 answers for 2 words"), (Raising(), "Raising: ValueError")],
    ids=["too few", "raising"],
)
def test_a_decoder_that_does_not_answer(decoder, message):
    with pytest.raises(OracleError, match=message):
        Comparison(decoder, TextRule.EXACT, ()).check([ADD, ADD])


# --- laws


@settings(max_examples=FEW)
@given(words())
def test_the_laws_hold(word):
    assert Laws().check([word]) == [Agreement.SAME]


@pytest.mark.parametrize(
    ("law", "name", "wrong"),
    [
        (laws.assembly, "assemble", lambda _text, _address=0: ADD + 1),
        (laws.disassembly, "disassemble", lambda word, _address=None: f".inst {word:#010x}"),
        (laws.decoding, "decode", lambda word: table.DECODER.decode(word ^ 1)),
        (laws.forms, "assemble", lambda _text, _address=0: ADD + 1),
    ],
    ids=["assembly", "disassembly", "decoding", "forms"],
)
def test_a_law_that_is_broken_is_told(monkeypatch, law, name, wrong):
    monkeypatch.setattr(laws.table, name, wrong)
    assert law(ADD).law == law.__name__
    (verdict,) = Laws().check([ADD])
    assert isinstance(verdict, Divergence)


def test_a_law_that_raises_is_a_finding(monkeypatch):
    def fail(_word):
        raise IndexError("x")

    monkeypatch.setattr(laws.table, "disassemble", fail)
    (verdict,) = Laws().check([ADD])
    assert (verdict.kind, verdict.place, verdict.theirs) == ("disassembly raises", "ADD (immediate)", "IndexError('x')")


# --- campaigns


def test_what_is_wrong_is_found_and_made_small():
    report = Campaign(DecodeSetup(decoder=WrongDecoder()), seed=1, budget=Budget(2000)).run()
    assert {(item.divergence.kind, item.divergence.place, item.lines) for item in report.findings} == {
        ("text", "MSUB: msub", ("1b018000  msub w0, w0, w1, w0",)),
        ("allocation", "UDF: udf", ("00000000  udf #0",)),
    }
    assert {item.divergence.theirs for item in report.findings} == {"msub w0, w0, w0, w1", "unallocated"}
    assert report.examples == 2000 > report.not_compared > 0


@settings(max_examples=FEW)
@given(words())
def test_steps_are_simpler_and_keep_the_definition(word):
    decoded = table.decode(word)
    for simpler in simpler_words(word):
        assert simpler != word
        if decoded is None:
            assert simpler & ~word == 0
            continue
        again = table.decode(simpler)
        assert again.definition is decoded.definition
        sizes = [(abs(again.fields[name]), abs(value)) for name, value in decoded.fields.items()]
        assert all(now <= before for now, before in sizes)


@settings(max_examples=FEW)
@given(words())
def test_a_word_as_json(word):
    with DecodeSetup().opened() as target:
        assert target.from_json(target.to_json(word)) == word


@pytest.mark.parametrize(
    "setup",
    [
        DecodeSetup(),
        DecodeSetup("llvm", rule=TextRule.NONE),
        DecodeSetup("capstone", timeout=5.0, isolated=True),
        DecodeSetup(command="./mine --fast"),
        DecodeSetup(command="./mine", timeout=2.5),
    ],
    ids=["self", "llvm", "isolated", "command", "timeout"],
)
def test_a_setup_as_json(setup):
    assert DecodeSetup.from_json(setup.to_json()) == setup


# --- plugged in


class EntryPoint:
    value = "package:Decoder"
    name = "mine"

    def __init__(self, load):
        self.load = load


def failing():
    raise ImportError("no package")


def test_a_decoder_that_is_plugged_in(monkeypatch):
    monkeypatch.setattr(oracles, "entry_points", lambda **_: [EntryPoint(lambda: WrongDecoder)])
    with DecodeSetup("mine").opened() as target:
        (verdict,) = target.check([0])
    assert verdict.place == "UDF: udf"


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "there is no oracle 'mine': the entry points of aarch64_kprobes.decoders are none"),
        ([EntryPoint(failing)], r"the oracle 'mine' \(package:Decoder\) cannot be used: ImportError"),
    ],
    ids=["none", "broken"],
)
def test_a_decoder_that_is_not_there(monkeypatch, points, message):
    monkeypatch.setattr(oracles, "entry_points", lambda **_: points)
    with pytest.raises(OracleError, match=message), DecodeSetup("mine").opened():
        pass


def test_draws_depend_on_the_generator_alone():
    with DecodeSetup().opened() as target:
        one, other = random.Random(5), random.Random(5)
        assert [target.draw(one) for _ in range(50)] == [target.draw(other) for _ in range(50)]
