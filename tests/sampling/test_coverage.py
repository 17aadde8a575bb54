"""What coverage counts, and against what."""

import json
import pickle
import random

import pytest

from aarch64.coverage import Coverage, Kind, Share
from aarch64.isa.table import DECODER, assemble
from aarch64.sampling import draw_encoding, draw_word
from aarch64.sampling.classes import classes_of, description
from aarch64.sampling.reaching import reachable


def described(word):
    return {description(found) for found in classes_of(word, DECODER.decode(word))}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("lsl x0, x1, #3", {"UBFM", "UBFM: rd = 0", "UBFM: imms between its edges", "UBFM: sf = 1"}),
        ("lsl x0, x1, #3", {"UBFM: lsl {rd:R}, {rn:R}, {left_amount}", "UBFM: not lsr {rd:R}, {rn:R}, {right_amount}"}),
        ("ubfx x0, x1, #3, #4", {"UBFM: not lsl {rd:R}, {rn:R}, {left_amount}"}),
        ("b #-134217728", {"B: imm26 = -33554432"}),
        ("nop", {"NOP"}),
    ],
)
def test_the_classes_of_an_instruction(text, expected):
    assert described(assemble(text)) >= expected


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (0xFFFF_FFFF, "unallocated, no definition has these literal bits"),
        (0x8BC0_0000, "unallocated, reserved fields of ADD (shifted register)"),
        (0x8B00_0000, "ADD (shifted register) (sf:1 00 01011"),
    ],
    ids=["nothing", "reserved", "allocated"],
)
def test_the_branch_of_a_word(word, reason):
    branches = [found for found in classes_of(word, DECODER.decode(word)) if found.kind is Kind.BRANCH]
    assert len(branches) == 1
    assert reason in description(branches[0])


def test_nothing_is_met_by_nothing():
    assert {share.met for share in Coverage().totals().values()} == {0}
    assert Share(0, 0).percent == 100


def test_what_two_processes_have_met_is_what_one_would_have_met():
    rng = random.Random(1)
    words = [draw_word(rng) for _ in range(600)]
    whole, first, second = Coverage(), Coverage(), Coverage()
    for position, word in enumerate(words):
        whole.add(word)
        (first if position % 2 else second).add(word)
    first.update(pickle.loads(pickle.dumps(second)))  # noqa: S301  (as processes do)
    assert first == whole
    assert first.words == 600


def test_a_group_can_be_met_completely():
    coverage, rng = Coverage(), random.Random(0)
    for _ in range(6000):
        coverage.add(draw_encoding(rng, group="PC-relative").word)
    shares = coverage.groups()["PC-relative addressing"]
    assert {kind: share.percent for kind, share in shares.items()} == {
        Kind.DEFINITION: 100, Kind.FIELD: 100, Kind.BRANCH: 100,
    }  # fmt: skip
    assert coverage.totals()[Kind.DEFINITION] == Share(2, len(DECODER.definitions))
    assert not [text for text in coverage.missing(Kind.FIELD) if text.startswith("ADR")]
    assert "UBFM: imms = 63" in coverage.missing(Kind.FIELD)


def test_what_is_reserved_is_not_missing():
    assert "ADD (shifted register): shift = 2" in Coverage().missing(Kind.FIELD)
    assert "ADD (shifted register): shift = 3" not in Coverage().missing(Kind.FIELD)


def test_both_sides_of_every_alias_that_has_two_are_known():
    found = {(item.number, item.part) for item in reachable() if item.kind is Kind.ALIAS}
    aliases = [alias for item in DECODER.definitions if item.semantics for alias in item.aliases]
    assert len(found) == len(aliases)


def test_json():
    coverage = Coverage()
    coverage.add(assemble("nop"))
    report = json.loads(json.dumps(coverage.to_json()))
    assert report["words"] == 1
    assert report["definitions"] == [{"title": "NOP", "encoding": report["definitions"][0]["encoding"], "count": 1}]
    assert report["totals"]["definitions"]["met"] == 1
    assert report["groups"]["Hints"]["definitions"]["met"] == 1
    assert report["groups"]["Bitfield move"]["definitions"] == {"met": 0, "all": 3, "percent": 0.0}
    assert "UBFM" in report["missing"]["definitions"]
