"""`a64 probe --audit` on the command line."""

import json
from functools import partial

import pytest

from aarch64.sampling import IMPLEMENTED
from cli import audit as command
from kprobes.audit.case import Case
from kprobes.audit.search import Audit
from tests.cli.terminal import at_a_terminal, plain
from tests.cli.test_probing import ENVIRONMENT
from tests.cli.test_tools import A64, a64

TITLES = ("LDR (literal)", "PRFM (literal)", "WFET", "ADD (immediate)")

PAGE = """\
audit: profile v5.10, Linux v5.10, the first to end a slot by BRK
26 cases of 4 definitions; 1318 more are not implemented, and nothing is known of them

accepted, and does something else: 4 found, each with the smallest state that shows it
  wfet: the return from the probe's exception sets the event register: it never waits (WFE itself is rejected)
      WFET: wfet x0, with x0=0x40008800
        executed in the slot: it does not wait
  simulation-keeps-btype: what is simulated does not clear PSTATE.BTYPE: the next instruction is taken for the target \
of the branch
      LDR (literal): ldr w0, 0x40040004, with BTYPE=1
        simulated: PSTATE.BTYPE is 0x1 instead of 0x0
  simulation-ignores-landing: what is simulated in a guarded page may be branched to, whatever it is: the branch \
target exception is missed
      LDR (literal): ldr w0, 0x40041004, with BTYPE=2, MMU on, guarded page
        simulated: it goes on at 0x40041004 (the next instruction) instead of ending with a branch target exception, \
BTYPE 10
  wide-literal: LDR of a W register reads 8 bytes: at the end of a page it faults for the next one (before v6.12)
      LDR (literal): sf 0: ldr w0, 0x4000affc, with MMU on
        simulated: it ends with a data abort, read, access flag fault, level 3 at 0x4000b000, ELR_EL1 0x40040000 (the \
probed address), instead of going on at 0x40040004 (the next instruction); x0 is 0x0 instead of 0xfffefdfc
"""

REFUSED = """
refused, and would do the same: 1 found, without a counter-example
  literal: its address is relative to the PC: out of line it would be another one [aarch64_insn_uses_literal]
      simulated: PRFM (literal) (3 cases)

The plain state is"""


@pytest.fixture
def few(monkeypatch):
    definitions = [definition for definition in IMPLEMENTED if definition.title in TITLES]
    monkeypatch.setattr(command, "Audit", partial(Audit, definitions=definitions))


@pytest.mark.usefixtures("few")
def test_the_page():
    status, output, errors = a64("probe", "--audit", "--profile", "v5.10", "--cases", "0")
    assert (status, errors) == (0, "")
    assert PAGE == output[: len(PAGE)]
    assert "\nwhat the engine does to any instruction: 4 found, whatever the instruction\n  slot-masks: " in output
    assert REFUSED in output


@pytest.mark.usefixtures("few")
def test_ours_is_without_findings():
    status, output, _ = a64("probe", "--audit", "--profile", "strict", "--cases", "1")
    assert status == 0
    assert output.count(": nothing was found\n") == 3


@pytest.mark.usefixtures("few")
def test_json(tmp_path):
    file = tmp_path / "audit.json"
    assert a64("probe", "--audit", "--profile", "v4.8", "--cases", "1", "--seed", "7", "--json", file) == (0, "", "")
    found = json.loads(file.read_text())
    assert {name: found[name] for name in list(found)[:6]} == {
        "profile": "v4.8",
        "seed": 7,
        "random_cases": 1,
        "definitions": 4,
        "searched": 4,
        "not_implemented": 1318,
    }
    (wfet,) = (item for item in found["accepted_but_breaks"] if item["definition"] == "WFET")
    assert wfet == {
        "definition": "WFET",
        "detail": "",
        "fields": {},
        "verdict": "slot",
        "rule": "copy",
        "symptom": "waiting",
        "finding": "wfet",
        "why": "the return from the probe's exception sets the event register: it never waits (WFE itself is rejected)",
        "what": "executed in the slot: it does not wait",
        "case": {"word": "0xd5031000", "text": "wfet x0", "x0": "0x40008800"},
        "differs": {"waiting": {"probed": "nothing", "unprobed": "event"}},
    }
    assert Case.from_json(wfet["case"]).word == 0xD503_1000
    (wide,) = (item for item in found["accepted_but_breaks"] if item["finding"] == "wide-literal")
    assert wide["fields"] == {"sf": [0]}
    assert [item["effect"] for item in found["engine"]] == [
        "slot-masks", "slot-address", "slot-landing", "slot-trapped", "runs-off",
    ]  # fmt: skip
    assert set(found["engine"][0]) == {"effect", "why", "what", "count", "case", "differs"}
    (refused,) = found["refused_needlessly"]
    assert refused == {
        "definition": "PRFM (literal)",
        "partial": False,
        "rule": "literal",
        "why": "its address is relative to the PC: out of line it would be another one",
        "source": "aarch64_insn_uses_literal",
        "verdict": "simulate",
        "cases": refused["cases"],
        "effects": [],
    }
    assert 3 <= refused["cases"] <= 4
    status, output, _ = a64("probe", "--audit", "--profile", "v4.8", "--cases", "1", "--seed", "7", "--json", "-")
    assert (status, json.loads(output)) == (0, found)


def test_at_a_terminal_it_shows_how_far_it_is_and_an_interrupted_search_what_it_has_found(tmp_path):
    arguments = [*A64, "probe", "--audit", "--profile", "v4.8", "--cases", "0"]
    status, shown = at_a_terminal(arguments, 50, cwd=tmp_path, environment=ENVIRONMENT, interrupt_after=b"v4.8: 30 of")
    lines = plain(shown.rpartition("\r\x1b[K")[2]).splitlines()
    assert status == 130
    assert "v4.8: 1 of 396 definitions" in shown
    assert lines[0].startswith("audit: profile v4.8")
    assert max(map(len, lines)) <= 50
    assert any("of 396 definitions, then it was" in line for line in lines)
    assert any(line.startswith("  simulation-keeps-btype: ") for line in lines)
    assert lines[-1] == "a64: interrupted"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--audit", "sort.elf"], "--audit is of a profile: leave out the PROGRAM"),
        (["--audit", "-p", "p main"], "--audit needs neither probes nor words: leave out -p and --words"),
        (["--audit", "--words", "-"], "--audit needs neither probes nor words: leave out -p and --words"),
        (["--audit", "--perfetto", "-"], "--perfetto is of a run, and --audit runs nothing"),
        (["--audit", "--verdict"], "--verdict and --audit are two questions: give one of them"),
        (["sort.elf", "-p", "p main", "--seed", "1"], "--seed and --cases are for --audit"),
        (["--verdict", "--words", "-", "--cases", "3"], "--seed and --cases are for --audit"),
        (["--audit", "--cases", "-1"], "Invalid value for '--cases': -1 is not in the range x>=0."),
    ],
)
def test_what_does_not_go_together(arguments, message):
    status, output, errors = a64("probe", *arguments)
    assert (status, output) == (2, "")
    assert errors.splitlines()[-1] == f"Error: {message} (a64 probe --help)"


def test_json_needs_a_file():
    assert a64("probe", "--audit", "--json", "") == (2, "", "Error: --json: give a file, or - for standard output\n")


def test_a_file_that_cannot_be_written_is_told_before_the_search(tmp_path):
    status, _, errors = a64("probe", "--audit", "--json", tmp_path / "none" / "audit.json")
    assert (status, errors) == (2, f"Error: {tmp_path / 'none' / 'audit.json'}: No such file or directory\n")
