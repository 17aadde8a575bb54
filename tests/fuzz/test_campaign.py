"""Campaigns: the same report for the same seed, whoever works; budgets, Ctrl-C, findings as files."""

import json

import attrs
import pytest

from aarch64.fuzz.campaign import MOST, Budget, Campaign, Silence
from aarch64.fuzz.decode import DecodeSetup
from aarch64.fuzz.findings import SCHEMA, FindingError, load, save
from aarch64.fuzz.oracles import OracleError
from tests.fuzz.wrong import WrongDecoder

PARTS = ("target", "setup", "case", "text", "divergence")
SETUP = DecodeSetup(decoder=WrongDecoder())


def run(setup=SETUP, seed=1, examples=2001, **options):
    return Campaign(setup, seed, Budget(examples), **options).run()


def told(report):
    """A report without what is about how it came to be."""
    return attrs.evolve(report, seconds=0, workers=0)


@attrs.frozen
class Failing(WrongDecoder):
    """Raises over words that have, under a mask, a value."""

    mask: int
    value: int

    def _answer(self, word):
        if word & self.mask == self.value:
            raise ArithmeticError
        return super()._answer(word)


def test_the_same_seed_gives_the_same_report_whoever_works():
    extr = DecodeSetup(decoder=Failing(0xFFE0_0000, 0x93C0_0000))
    one = run(extr)
    assert {(item.divergence.kind, item.lines[0]) for item in one.findings} == {
        ("crash", "93c00000  ror x0, x0, #0"),
        ("text", "1b018000  msub w0, w0, w1, w0"),
        ("allocation", "00000000  udf #0"),
    }
    assert (one.error, one.examples) == (None, 2001)
    assert told(one) == told(run(extr, workers=2))


def test_another_seed_gives_other_cases():
    one, other = run(examples=10), run(examples=10, seed=2)
    assert one.coverage != other.coverage
    assert told(one) == told(run(examples=10))


@pytest.mark.parametrize(
    ("budget", "sizes"),
    [
        (Budget(0), []),
        (Budget(5), [5]),
        (Budget(10), [10]),
        (Budget(25), [10, 10, 5]),
        (Budget(25, seconds=0.0), [10]),
        (Budget(seconds=0.0), [10]),
        (Budget(25, seconds=60), [10, 10, 5]),
    ],
)
def test_shares_of_a_budget(budget, sizes):
    shares = list(budget.shares(10))
    assert [share.size for share in shares] == sizes
    assert [(share.number, share.start) for share in shares] == [(place, 10 * place) for place in range(len(sizes))]


class Interrupting(Silence):
    """Ctrl-C after the first share."""

    def progress(self, _tally, _seconds):
        raise KeyboardInterrupt


def test_ctrl_c_ends_a_campaign_with_what_was_found_until_then():
    report = run(watcher=Interrupting())
    assert report.is_interrupted
    assert report.examples == 2000
    assert report.findings
    assert all(finding.case == finding.original for finding in report.findings)


def test_too_many_failures_end_a_campaign():
    report = run(DecodeSetup(decoder=Failing(1 << 31, 0)), examples=4001)
    assert str(report.error) == "Failing: crash for more than 16 words: mend these first"
    assert report.examples == 2000
    assert any(item.divergence.is_failure for item in report.findings)
    assert report.not_compared > 1000


@attrs.define
class Expiring:
    """A decoder that refuses some questions, counted from 0."""

    refused: range
    asked: int = attrs.field(default=0, init=False)

    def decode(self, words):
        self.asked += 1
        if self.asked - 1 in self.refused:
            raise OracleError("the licence has expired")
        return WrongDecoder().decode(words)


@pytest.mark.parametrize(
    ("refused", "examples", "is_small"),
    [(range(1, 2), 2000, True), (range(1, 1000), 2000, False), (range(2, 1000), 2001, False)],
    ids=["once", "from then on", "when they are made small"],
)
def test_an_error_ends_a_campaign_with_what_was_found_until_then(refused, examples, is_small):
    report = run(DecodeSetup(decoder=Expiring(refused)))
    assert str(report.error) == "the licence has expired"
    assert (report.examples, report.is_interrupted) == (examples, False)
    assert len(report.findings) == 2
    assert all((item.case != item.original) is is_small for item in report.findings)


def test_an_error_before_anything_was_found_is_raised():
    with pytest.raises(OracleError, match="the licence has expired"):
        run(DecodeSetup(decoder=Expiring(range(1000))))


def test_a_campaign_may_end_with_its_first_finding():
    early = run(examples=4000, ends_early=True)
    assert (early.examples, early.is_interrupted) == (2000, False)
    assert told(early) == told(run(examples=2000))
    assert run(DecodeSetup("capstone"), examples=2001, ends_early=True).examples == 2001
    assert run(DecodeSetup("capstone"), examples=2001, ends_early=True, includes_known=True).examples == 2000


class Nonsense:
    def decode(self, words):
        return ["nonsense"] * len(words)


def test_of_many_findings_some_are_told():
    report = run(DecodeSetup(decoder=Nonsense()), examples=2000)
    assert len(report.findings) == MOST
    assert report.left_out > 0


def test_known_differences_are_counted_and_are_findings_only_if_asked_for():
    setup = DecodeSetup("capstone")
    silent, all_of_it = run(setup, examples=1000), run(setup, examples=1000, includes_known=True)
    assert silent.findings == silent.unexplained == all_of_it.unexplained == ()
    assert silent.known == all_of_it.known
    assert {finding.divergence.reason for finding in all_of_it.findings} == silent.known.keys() != set()


def test_a_finding_is_the_same_when_it_is_read(tmp_path):
    finding = run().findings[0]
    save(finding, tmp_path / "finding.json")
    assert load(tmp_path / "finding.json") == finding


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", f'want "schema": "{SCHEMA}"'),
        ('{"schema": "a64-fuzz-2"}', f'want "schema": "{SCHEMA}"'),
        (json.dumps({"schema": SCHEMA}), "is no finding: KeyError"),
        (json.dumps({"schema": SCHEMA, "found": 3, **{part: {} for part in PARTS}}), "is no finding: TypeError"),
    ],
    ids=["empty", "deep", "list", "another schema", "nothing else", "wrong type"],
)
def test_files_that_are_no_findings(tmp_path, content, message):
    path = tmp_path / "x.json"
    path.write_text(content)
    with pytest.raises(FindingError, match=message):
        load(path)
