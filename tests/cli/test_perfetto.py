"""`a64 probe --perfetto`: files that viewers understand, whatever ends the run, and a run that is as without it."""

import json
import signal
import subprocess

import pytest

from cli import perfetto
from kprobes.timeline import Track
from tests.cli.test_probing import A64, DIES, ENVIRONMENT, SOURCE, UNMASK, probe
from tests.cli.trace_events import read

FUNCTIONS, EXCEPTIONS, HANDLERS, SLOTS, HITS = Track

__all__ = ["probe"]  # a fixture

SPECS = ("-p", "p:q square n=$arg1", "-p", "r:back square $retval:u64", "-p", "p:calls down", "-p", "r1:rets down")


@pytest.fixture
def drawn(probe, tmp_path):
    """Runs `a64 probe --perfetto` on a source; gives exit status, stdout, stderr, and what the file shows."""

    def start(*arguments, **options):
        outcome = probe(*arguments, "--perfetto", "timeline.json", **options)
        return *outcome, read((tmp_path / "timeline.json").read_text())

    return start


def test_the_tracks_of_a_run(drawn):
    _, _, errors, file = drawn(UNMASK, "-p", "p:q square n=$arg1", "-p", "p:calls down+4", "--profile", "v7.2")
    assert errors == ""
    assert [
        "0-45 _start",
        "  5-9 square",
        "  16-20 square",
        "  27-43 down",
        "    31-41 down",
        "      35-39 down",
    ] == file.picture(FUNCTIONS)
    assert ["5-6 BRK #0x4", "7-8 BRK #0x6", "16-17 BRK #0x4", "18-19 BRK #0x6"] == file.picture(EXCEPTIONS)[:4]
    assert ["6-7 mul x0, x0, x0", "17-18 mul x0, x0, x0", "29 simulated: cbz x0, 0x40000050"] == file.picture(SLOTS)[:3]
    assert ["6 q", "17 q", "29 calls", "33 calls", "37 calls"] == file.picture(HITS)
    assert {"n": "0x2", "at": "0x40000038 (square)"} == file.on(HITS)[0].args
    assert ["6 pre-handler", "17 pre-handler", "29 pre-handler"] == file.picture(HANDLERS)[:3]
    assert {"probe": "q", "at": "0x40000038", "source": "kprobe_handler"} == file.on(HANDLERS)[0].args
    assert ("v7.2", "45", "45") == (file.facts["profile"], file.facts["cycles"], file.facts["shown until"])


def test_misses_have_the_name_of_their_event(drawn):
    _, _, _, file = drawn(UNMASK, *SPECS)
    assert [("missed: rets", "no instance")] * 2 == [
        (item.name, item.args["reason"]) for item in file.on(HITS) if "missed" in item.name
    ]
    assert ["back", "back", "rets"] == [item.args["probe"] for item in file.on(HANDLERS) if "return" in item.name]


def test_a_return_that_ends_the_run(drawn):
    *_, file = drawn("9", "--call", "square", "-p", "r:back square", "--profile", "v7.2")
    assert ["pre-handler", "return handlers"] == file.names(HANDLERS)
    assert ("kprobes", "0xfffffffff000") == tuple(file.on(EXCEPTIONS)[-1].args[name] for name in ("ended by", "to"))


ENDS = {
    "its own": ((UNMASK,), SOURCE, 0),
    "--max-cycles": ((UNMASK, "--max-cycles", "20"), SOURCE, 124),
    "--max-cycles in a slot": ((UNMASK, "--max-cycles", "7"), SOURCE, 124),
    "no step": ((), SOURCE, 125),
    "the kernel dies": ((), DIES.replace("load:", "square:").replace("fault:", "down:"), 125),
    "never": ((UNMASK, "--max-cycles", "50"), "square: nop\n b square\ndown: nop\n", 124),
    "a function returns": ((UNMASK, "9", "--call", "square"), SOURCE, 0),
    "exact": ((UNMASK, "--exact"), SOURCE, 0),
}


@pytest.mark.parametrize("profile", ["v15", "v5.10", "v7.2"])
@pytest.mark.parametrize(("options", "source", "status"), ENDS.values(), ids=ENDS)
def test_whatever_ends_a_run_it_is_as_without(probe, drawn, tmp_path, profile, options, source, status):
    specs = SPECS if source is SOURCE else ("-p", "p square", "-p", "p down")
    asked = ("--profile", profile, *specs, *options, "--json", "told.json")
    without = probe(*asked, source=source)
    told = (tmp_path / "told.json").read_text()
    *outcome, file = drawn(*asked, source=source)
    assert without == tuple(outcome)
    assert told == (tmp_path / "told.json").read_text()
    assert file.facts["cycles"] == str(json.loads(told)["cycles"])
    assert profile != "v15" or outcome[0] == status


def test_on_stdout_it_comes_after_what_the_program_prints(probe):
    status, shown, errors = probe(UNMASK, *SPECS, "--perfetto", "-")
    guest, _, file = shown.partition("\n")
    assert (0, "!!", "") == (status, guest, errors)
    assert ["q", "back"] == read(file).names(HITS)[:2]


def test_beside_json_on_stdout(probe, tmp_path):
    _, shown, _ = probe(UNMASK, "-p", "p:q square", "--perfetto", "timeline.json", "--json", "-")
    assert 2 == len(json.loads(shown.partition("\n")[2])["hits"])
    assert ["q", "q"] == read((tmp_path / "timeline.json").read_text()).names(HITS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--list", "--perfetto", "-"), "--perfetto is of a run, and --list runs nothing (a64 probe --help)"),
        (
            ("--perfetto", "-", "--json", "-"),
            "--json and --perfetto cannot both be on stdout: give one of them a file (a64 probe --help)",
        ),
        (("--perfetto", ""), "--perfetto: give a file, or - for standard output"),
        (("--perfetto", "program.s"), "program.s: --perfetto would overwrite the program: give another file"),
        (("--json", "x", "--perfetto", "x"), "x: --perfetto would overwrite --json: give another file"),
        (("--perfetto", "/no/such/place"), "/no/such/place: No such file or directory"),
        ((UNMASK, "--perfetto", "/dev/full"), "/dev/full: No space left on device"),
    ],
)
def test_wrong_usage(probe, arguments, message):
    assert probe("-p", "p square", *arguments)[::2] == (2, f"Error: {message}\n")


def test_a_timeline_that_is_full_ends_and_says_so(drawn, monkeypatch):
    monkeypatch.setattr(perfetto, "MOST_EVENTS", 30)
    status, shown, errors, file = drawn(UNMASK, "-p", "p:q square")
    assert (0, 2) == (status, shown.count("  q: "))
    assert errors == (
        "a64: --perfetto: the timeline ends at cycle 27: it has 30 events, and no room for more; for what comes later, "
        "have less run before it (--call)\n"
    )
    assert ("27", True) == (file.facts["shown until"], int(file.facts["cycles"]) > 27)
    assert "the end of the timeline, which is full" == file.on(FUNCTIONS)[0].args["ended by"]


def test_ctrl_c(tmp_path):
    (tmp_path / "program.s").write_text(SOURCE.replace("subs    x19, x19, #1", "subs xzr, x19, #0"))
    command = [*A64, "probe", "program.s", UNMASK, "-p", "p:q square", "--perfetto", "timeline.json"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline().startswith("       6  q: ")
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=60)
    assert running.returncode == 130
    assert "q" in read((tmp_path / "timeline.json").read_text()).names(HITS)
