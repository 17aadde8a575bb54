"""Campaigns: the same report for the same seed, whoever works; budgets, Ctrl-C, findings as files."""

import json

import attrs
import pytest

from aarch64.fuzz.campaign import MOST, Budget, Campaign, Silence
from aarch64.fuzz.decode import DecodeSetup
from aarch64.fuzz.findings import SCHEMA, FindingError, load, save
from tests.fuzz.wrong import WrongDecoder

PARTS = ("target", "setup", "case", "text", "divergence")
SETUP = DecodeSetup(decoder=WrongDecoder())


def run(setup=SETUP, seed=1, examples=2001, **options):
    return Campaign(setup, seed, Budget(examples), **options).run()


def told(report):
    """A report without what is about how it came to be."""
    return attrs.evolve(report, seconds=0, workers=0)


def test_the_same_seed_gives_the_same_report_whoever_works():
    one = run()
    assert one.findings
    assert told(one) == told(run(workers=2))


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
