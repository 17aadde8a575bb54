"""Planted bugs, five in each layer, are found by the campaign of the right command, and made small.

Without the bug, the same campaign finds nothing: what is found is the bug, and no accident.
"""

import re
from collections import Counter
from functools import cache

import pytest

from aarch64.fuzz.campaign import Budget, Campaign
from tests.fuzz.planted import BUGS, CAMPAIGNS
from tests.fuzz.planting import make_tables


@pytest.fixture(scope="module", autouse=True)
def _tables():
    make_tables()


@cache
def found_without_a_bug(command, seed, examples):
    setup, _ = CAMPAIGNS[command]
    return Campaign(setup, seed, Budget(examples)).run().unexplained


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: f"{bug.layer}: {bug.name}")
def test_a_planted_bug_is_found(bug):
    report = bug.campaign()
    found = [
        (finding.divergence.kind, finding.divergence.place, "\n".join(finding.lines)) for finding in report.unexplained
    ]
    assert any(
        kind.startswith(bug.kind) and place.startswith(bug.place) and re.fullmatch(bug.small, text, re.DOTALL)
        for kind, place, text in found
    ), found
    assert found_without_a_bug(bug.command, bug.seed, report.examples) == ()


def test_there_are_five_in_each_layer():
    assert set(Counter(bug.layer for bug in BUGS).values()) == {5}
    assert len({bug.layer for bug in BUGS}) == 5
