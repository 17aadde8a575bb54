"""Sweeps: the same result whoever dies or interrupts, known differences, findings, and state that is refused."""

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import attrs
import pytest

from aarch64.fuzz.decode import DecodeSetup
from aarch64.fuzz.decoders.capstone_ import Capstone
from aarch64.fuzz.decoders.llvm import Llvm
from aarch64.fuzz.oracles import OracleError
from aarch64.fuzz.sweep.cluster import ClusterError, cluster
from aarch64.fuzz.sweep.journal import JournalError, opened
from aarch64.fuzz.sweep.plan import Plan, Region
from aarch64.fuzz.sweep.results import SweepFinding
from aarch64.fuzz.sweep.sweeping import Silence, Sweep, workers
from aarch64.isa import table
from aarch64.sampling import draw_word
from tests.fuzz.killing import Killing
from tests.fuzz.wrong import WrongDecoder

ROOT = Path(__file__).parents[2]
PAIRS = Region(0x2840_0000, 0x2843_FFFF)
"""Four shards of LDNP: of the words that load a register twice, another decoder says otherwise for a known reason."""
UDF = Region(0, 0x0002_FFFF)
SMALL = Region(0x1AC0_0000, 0x1ADF_FFFF)


def killing(path, count):
    lives = path / "lives"
    lives.mkdir()
    for number in range(count):
        (lives / str(number)).touch()
    return Plan(DecodeSetup(decoder=Killing(lives, 0x0001_0000)), region=UDF)


ALL_ALLOCATED = SweepFinding("allocation", "unallocated: add", 0x2_0000, (0x10000, 0x10001, 0x10002, 0x10003))


# --- nothing is lost


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The report on PAIRS of a sweep that nothing happens to."""
    return Sweep(Plan(DecodeSetup("capstone"), region=PAIRS), tmp_path_factory.mktemp("whole")).run()


def end_sweep(journal, signal_number):
    """The exit status and stderr of a sweep of PAIRS that gets a signal once something is done."""
    options = ["--brute", "--oracle", "capstone", "--region", str(PAIRS), "--state", journal.parent]
    command = [sys.executable, "-m", "cli", "fuzz", "sweep", *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while not journal.exists() or journal.read_text().count("\n") < 2:
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.1))
    process.send_signal(signal_number)
    _, errors = process.communicate()
    return process.returncode, errors


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_what_is_done_when_the_process_ends_is_not_done_again(tmp_path, whole, signal_number):
    for attempt in range(10):  # on a busy machine, a sweep may be over before it is ended
        journal = tmp_path / str(attempt) / "journal.jsonl"
        status, errors = end_sweep(journal, signal_number)
        if status != 0:
            break
    if signal_number == signal.SIGINT:
        assert status == 130
        assert errors == f"a64: interrupted; the same command goes on: what is done is in {journal.parent}\n"

    before = journal.read_text().count("\n") - 1
    watcher = Counting()
    report = Sweep(whole.plan, journal.parent, watcher=watcher).run()
    assert watcher.spans == 4 - before < 4
    assert report.standing.asked == report.tally.words.total() == 0x4_0000
    assert report.tally == whole.tally
    assert list(report.tally.known) == [
        "loading one register twice is CONSTRAINED UNPREDICTABLE, yet allocated; Capstone 5 refuses it"
    ]
    assert report.tally.known.total() == report.tally.differing.total() == 0x4_0000 // 32


class Counting(Silence):
    """Counts what is done, and is interrupted after so many."""

    def __init__(self, most=-1):
        self.spans = 0
        self.most = most

    def progress(self, _standing):
        self.spans += 1
        if self.spans == self.most:
            raise KeyboardInterrupt


def test_a_line_without_an_end_is_done_again(tmp_path):
    plan = Plan(words=4000, region=SMALL)
    whole = Sweep(plan, tmp_path).run()
    journal = tmp_path / "journal.jsonl"
    header, line = journal.read_text().splitlines()
    journal.write_text(f"{header}\n{line[:-7]}")
    watcher = Counting()
    assert Sweep(plan, tmp_path, watcher=watcher).run().tally == whole.tally
    assert watcher.spans == 1
    assert [json.loads(item).keys() for item in journal.read_text().splitlines()] == [
        json.loads(item).keys() for item in (header, line)
    ]


def test_an_interrupted_report_tells_what_is_done(tmp_path):
    plan = Plan(region=UDF)
    report = Sweep(plan, tmp_path, watcher=Counting(2)).run()
    assert (report.is_interrupted, report.standing.spans, report.tally.words.total()) == (True, 2, 0x2_0000)
    again = Sweep(plan, tmp_path).run()
    assert (again.is_interrupted, again.standing.spans, again.tally.words.total()) == (False, 3, 0x3_0000)


def test_what_a_killed_worker_was_at_is_done_again(tmp_path):
    report = Sweep(killing(tmp_path, 1), tmp_path / "state", workers(2)).run()
    assert report.deaths == 1
    assert report.tally.asked.total() == 0x3_0000
    assert report.tally.sorted_findings() == [ALL_ALLOCATED]


def test_a_cluster_that_loses_a_worker_loses_nothing(tmp_path):
    report = Sweep(killing(tmp_path, 1), tmp_path / "state", cluster(None, 2)).run()
    assert list((tmp_path / "lives").iterdir()) == []
    assert report.tally.asked.total() == 0x3_0000
    assert report.tally.sorted_findings() == [ALL_ALLOCATED]


def test_a_cluster_that_is_not_there(tmp_path):
    with pytest.raises(ClusterError, match=r"there is no Dask scheduler at 127\.0\.0\.1"):
        Sweep(Plan(words=64, region=UDF), tmp_path, cluster("127.0.0.1", 1)).run()


def test_dask_is_an_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ClusterError, match=r"Dask is needed: pip install 'aarch64-kprobes\[cluster\]'"):
        Sweep(Plan(words=64, region=UDF), tmp_path, cluster(None, 1)).run()


# --- state


def test_state_of_something_else_is_refused(tmp_path):
    plan = Plan(words=64, region=UDF)
    identity = plan.identity(plan.surveyed())
    with opened(tmp_path, identity):
        pass
    for name, other in [("table", "0" * 64), ("oracle", "llvm"), ("seed", 3), ("words", 65), ("region", "0-1")]:
        with (
            pytest.raises(JournalError, match=f"is of another sweep: {name} {identity[name]}, not {other}"),
            opened(tmp_path, {**identity, name: other}),
        ):
            pass


def test_another_table_is_another_sweep():
    def digest(words):
        return Plan(words=words, region=SMALL).surveyed().digest

    plain = digest(64)
    division = next(item for item in table.DECODER.definitions if item.title == "UDIV")
    changed = attrs.evolve(division, valid=lambda sf, rm: sf or rm != 7)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "aarch64.fuzz.sweep.partition._special_first",
            lambda: tuple(changed if item is division else item for item in table.DECODER.definitions),
        )
        patch.setattr(
            "aarch64.fuzz.sweep.plan.numbers", lambda: dict.fromkeys((*table.DECODER.definitions, changed), 1)
        )
        assert digest(64) != plain
    assert digest(64) == digest(128) == plain


def test_state_that_is_in_use_is_refused(tmp_path):
    with opened(tmp_path, {}), pytest.raises(JournalError, match="another sweep is writing it"), opened(tmp_path, {}):
        pass


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "line 2 is not JSON"),
        ("3", "line 2 is no JSON object"),
        ('{"first": 3}', "line 2 is no result"),
    ],
)
def test_state_that_is_damaged_is_refused(tmp_path, line, message):
    with opened(tmp_path, {}):
        pass
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(JournalError, match=message), opened(tmp_path, {}):
        pass


# --- findings


def test_what_another_decoder_says_otherwise_is_found(tmp_path):
    report = Sweep(Plan(DecodeSetup(decoder=WrongDecoder()), words=4000, region=UDF), tmp_path).run()
    (finding,) = report.tally.sorted_findings()
    assert (finding.kind, finding.place, finding.examples) == ("allocation", "UDF", (0, 1, 2, 3))
    assert finding.count == report.survey.most


def test_what_is_not_implemented_is_counted_only(tmp_path):
    vectors = Region(0x0E20_0000, 0x0E3F_FFFF)
    report = Sweep(Plan(DecodeSetup(decoder=WrongDecoder()), words=4000, region=vectors), tmp_path).run()
    assert report.tally.findings == {}
    assert report.tally.differing.total() > 1000


def test_a_decoder_that_does_not_find_what_its_table_says_is_found(tmp_path, monkeypatch):
    decode = table.decode
    monkeypatch.setattr(table, "decode", lambda word: None if word & 0x1F == 0x1F else decode(word))
    report = Sweep(Plan(words=1 << 16, region=Region(0x1AC2_0800, 0x1AC2_0BFF)), tmp_path).run()
    places = {(item.kind, item.place, item.count) for item in report.tally.findings.values()}
    assert places == {("partition", "unallocated", 32)}


@pytest.mark.parametrize("oracle", [Capstone, Llvm])
def test_verdicts_are_whether_there_is_an_answer(oracle):
    rng = random.Random(3)
    words = [draw_word(rng) for _ in range(1500)]
    verdicts = oracle().verdicts(words)
    assert verdicts == bytes(answer is not None for answer in oracle().decode(words))
    assert {0, 1} == set(verdicts)


class TooFew:
    def verdicts(self, words):
        return b"\x01" * (len(words) - 1)

    def decode(self, words):
        raise NotImplementedError


def test_verdicts_have_to_be_as_many_as_words(tmp_path):
    with pytest.raises(OracleError, match="TooFew: 31 answers for 32 words"):
        Sweep(Plan(DecodeSetup(decoder=TooFew()), region=Region(0, 31)), tmp_path).run()
