"""`a64 fuzz sweep` from the command line."""

import json
import re
import sys

import pytest

from aarch64.fuzz.sweep.results import Tally
from aarch64.fuzz.sweep.sweeping import Standing
from cli.fuzz.sweeping import _duration, _Progress


@pytest.fixture
def sweep(a64_command):
    """Runs `a64 fuzz sweep` in a directory of its own; gives exit status, stdout, stderr."""
    return lambda *arguments: a64_command("fuzz", "sweep", *arguments)


LOADS = ("--brute", "--oracle", "capstone", "--region", "28400000-28400fff", "--state", "kept")
PAGE = """\
sweep (capstone), 0x28400000-0x28400fff, every word
shards done: 1 of 1, in N s of work
sets of words: 1; words looked at: 4,096

group                     words  asked  differing
Load/store register pair  4,096  4,096        128
all                       4,096  4,096        128

known differences:
  128: loading one register twice is CONSTRAINED UNPREDICTABLE, yet allocated; Capstone 5 refuses it
nothing found
"""


def timeless(done):
    status, shown, errors = done
    return status, re.sub(r"in \d+ s", "in N s", shown), errors


def test_counts_and_known_differences(sweep, tmp_path):
    assert timeless(sweep(*LOADS)) == (0, PAGE, "")
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["journal.jsonl"]
    assert timeless(sweep(*LOADS)) == (0, PAGE, "")
    status, _, errors = sweep(*LOADS, "--seed", "3")
    assert status == 2
    assert errors == (
        "Error: kept/journal.jsonl is of another sweep: seed 0, not 3. "
        "Go on with the same options, or use another directory\n"
    )


def test_a_finding(sweep, tmp_path):
    wrong = f"""{sys.executable} -c '[print("udf #0" if int(line, 16) < 8 else "undefined") for line in open(0)]'"""
    status, shown, _ = sweep("--oracle-cmd", wrong, "--region", "0-f", "--brute")
    assert status == 1
    assert shown.endswith("""\
group     words  asked  differing
Reserved     16     16          8
all          16     16          8

1. allocation  UDF  (8 words)
   00000008  udf #8
   00000009  udf #9
   0000000a  udf #10
   0000000b  udf #11
""")
    assert (tmp_path / "fuzz-sweep").is_dir()


def test_json(sweep):
    status, shown, _ = sweep("--words", "2^10", "--region", "1ac00000-1adfffff", "--json")
    report = json.loads(shown)
    assert status == 0
    assert (report["words"], report["region"]) == (1024, "0x1ac00000-0x1adfffff")
    assert report["shards"] == {"done": 1, "all": 1}
    groups = {row["group"]: row["words"] for row in report["groups"]}
    definitions = {item["title"]: item["words"] for item in report["definitions"]}
    assert groups["all"] == 1 << 21
    assert sum(definitions.values()) + groups["Unallocated"] == 1 << 21
    assert definitions["UDIV"] == groups["Divide"] // 2 == 1 << 15
    assert report["findings"] == []


def test_progress_tells_what_is_left(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    progress = _Progress()
    for seconds in (1.9, 3.0):
        progress.progress(Standing(Tally(), 3, 8, asked_before=600, asked=900, all_asked=1500, seconds=seconds))
    assert capsys.readouterr().err == "\r\x1b[K3 of 8 shards, 100 words a second, 6 s left, 0 findings"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (59.7, "1 min 00 s"), (3599, "59 min 59 s"), (7380, "2 h 03 min")]
)
def test_how_long_it_takes(seconds, text):
    assert _duration(seconds) == text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--brute", "--words", "4"), "--brute looks at every word: --words makes no sense with it"),
        (("--oracle", "llvm", "--oracle-cmd", "x"), "--oracle and --oracle-cmd exclude one another"),
        (("--region", "5-4"), "'5-4' is not FIRST-LAST, two words in hexadecimal: 0x0b000000-0x0b00ffff"),
        (("--region", "123456789-"), "is not FIRST-LAST"),
        (("--words", "2^33"), "'2^33' is not a number"),
        (("--oracle", "nobody", "--region", "0-f"), "there is no oracle 'nobody'"),
        (("--state", "/dev/null", "--region", "0-f"), "/dev/null/journal.jsonl: File exists"),
        (("--dask", "127.0.0.1", "--region", "0-f"), "there is no Dask scheduler at 127.0.0.1"),
    ],
)
def test_wrong_usage(sweep, arguments, message):
    status, shown, errors = sweep(*arguments)
    assert (status, shown) == (2, "")
    assert message in errors
