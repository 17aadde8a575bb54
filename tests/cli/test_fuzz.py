"""`a64 fuzz` end to end."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from aarch64.fuzz.emulators import ours
from aarch64.fuzz.oracles import OracleError
from aarch64.sampling import IMPLEMENTED
from kprobes.audit import fuzzing, programs
from tests.cli.terminal import at_a_terminal, plain

ROOT = Path(__file__).parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}

DECODER = """
import sys
sys.path.insert(0, {root!r})
from aarch64.isa.table import decode, disassemble
for line in sys.stdin:
    word = int(line, 16)
    decoded = decode(word)
    text = disassemble(word) if decoded and decoded.definition.asm else "undefined"
    print(text.replace({old!r}, {new!r}))
"""


@pytest.fixture
def fuzz(a64_command):
    """Runs `a64 fuzz` in a directory of its own; gives exit status, stdout, stderr."""
    return lambda *arguments: a64_command("fuzz", *arguments)


@pytest.fixture
def decoder(tmp_path):
    """Writes a decoder that says one thing instead of another; gives the command that runs it."""

    def write(old, new):
        path = tmp_path / "decoder.py"
        path.write_text(DECODER.format(root=str(ROOT), old=old, new=new))
        return f"{sys.executable} {path}"

    return write


def test_our_own_laws_hold(fuzz, tmp_path):
    status, shown, errors = fuzz("decode", "--seed", "1", "--examples", "1000")
    assert (status, errors) == (0, "")
    assert re.fullmatch(
        r"decode \(oracle self\), seed 1: 1,000 examples\n"
        r"met: [\d,]+ of [\d,]+ definitions, .* field values, .* alias rules, .* decoder branches\n"
        r"nothing found\n",
        shown,
    )
    assert list(tmp_path.iterdir()) == []


def test_coverage_is_a_row_for_each_group(fuzz):
    arguments = ("decode", "--seed", "1", "--examples", "1000")
    _, shown, _ = fuzz(*arguments, "--coverage")
    rows = [row.rsplit(None, 4) for row in shown.splitlines()[6:]]
    groups = json.loads(fuzz(*arguments, "--json")[1])["coverage"]["groups"]
    kinds = ("definitions", "field values", "alias rules", "decoder branches")
    assert rows == [
        [group, *(f"{found[kind]['met']:,}/{found[kind]['all']:,}" if kind in found else "-" for kind in kinds)]
        for group, found in groups.items()
    ]


def test_a_narrow_terminal_shows_all_of_the_coverage():
    command = [sys.executable, "-m", "cli", "fuzz", "decode", "--seed", "1", "--examples", "50", "--coverage"]
    status, shown = at_a_terminal(command, 40, cwd=ROOT, environment=ENVIRONMENT)
    lines = plain(shown).splitlines()
    assert status == 0
    assert max(map(len, lines)) <= 40
    assert re.fullmatch(r"  \d+/16 definitions, \d+/\d+ field values,", lines[lines.index("Add and subtract") + 1])


def test_known_differences_are_counted(fuzz):
    status, shown, _ = fuzz("decode", "--oracle", "llvm", "--seed", "1", "--examples", "2000")
    assert status == 0
    assert re.search(r"\nknown differences: \d+ examples, \d reasons \(--all shows them\)\nnothing found\n$", shown)


def test_a_finding_from_the_campaign_to_the_replay(fuzz, decoder, tmp_path):
    wrong = decoder("adr ", "adrp ")
    status, shown, _ = fuzz("decode", "--oracle-cmd", wrong, "--seed", "1", "--examples", "2500")
    assert status == 1
    file = Path("fuzz-findings", "decode-text-10000000.json")
    assert re.sub(r"\d+ examples\)", "N examples)", shown).endswith(f"""
1. text  ADR: adr  (N examples)
   10000000  adr x0, #0
   ours:   adr x0, #0
   theirs: adrp x0, #0
   saved: {file}
""")
    assert [path.name for path in (tmp_path / "fuzz-findings").iterdir()] == [file.name]

    assert fuzz("replay", file) == (
        2,
        "",
        f'Error: {file}: it was found with a program; to run it: --oracle-cmd "{wrong}"\n'.replace('"', "'"),
    )
    status, shown, _ = fuzz("replay", "--oracle-cmd", wrong, file, file)
    assert status == 1
    assert shown == 2 * (
        f"{file}: differs: text  ADR: adr\n   10000000  adr x0, #0\n   ours:   adr x0, #0\n   theirs: adrp x0, #0\n"
    )
    assert fuzz("replay", "--oracle-cmd", decoder("", ""), file) == (0, f"{file}: same  10000000  adr x0, #0\n", "")


CRASHING = """
import os, sys
for line in sys.stdin:
    if int(line, 16) & 0xffe00000 == 0x93c00000:
        {what}
    print("allocated", flush=True)
"""


@pytest.fixture
def crashing(tmp_path):
    """Writes a decoder that does something else over EXTR of X registers; gives the command that runs it."""

    def write(what):
        path = tmp_path / "decoder.py"
        path.write_text(CRASHING.format(what=what))
        return f"{sys.executable} -S -E {path}"

    return write


def test_a_crash_from_the_campaign_to_the_replay(fuzz, crashing):
    command = crashing("sys.exit('what is that?')")
    status, shown, errors = fuzz("decode", "--oracle-cmd", command, "--seed", "1", "--examples", "2000")
    assert (status, errors) == (1, "")
    file = Path("fuzz-findings", "decode-crash-93c00000.json")
    finding = """
   93c00000  ror x0, x0, #0
   ours:   ror x0, x0, #0
   theirs: ended with status 1: what is that?
"""
    assert f". crash  EXTR  (1 example){finding}   saved: {file}\n" in shown, "others of the batch are left out"
    replay = "replay", "--oracle-cmd", command, file
    assert fuzz(*replay) == (1, f"{file}: differs: crash  EXTR{finding}", "")
    crashing("os._exit(0)")
    status, shown, _ = fuzz(*replay)
    assert status == 1
    assert shown.startswith(f"{file}: differs: no answer  EXTR\n")
    crashing("pass")
    assert fuzz(*replay) == (0, f"{file}: same  93c00000  ror x0, x0, #0\n", "")


def test_an_error_is_told_after_what_was_found_until_then(fuzz, monkeypatch):
    class Decoder:
        asked = 0

        def decode(self, words):
            self.asked += 1
            if self.asked > 1:
                raise OracleError("the licence has expired")
            return [None] * len(words)

    monkeypatch.setattr("aarch64.fuzz.decode.plugged_in", lambda *_: Decoder())
    monkeypatch.setattr("aarch64.fuzz.campaign.MOST", 1)
    arguments = "decode", "--oracle", "mine", "--seed", "1", "--examples", "2001"
    status, shown, errors = fuzz(*arguments)
    assert (status, errors) == (2, "Error: the licence has expired\n")
    file = re.search(r"\n   saved: (fuzz-findings/\S+\.json)\n", shown)[1]
    assert Path(file).exists()
    status, shown, errors = fuzz(*arguments, "--json")
    assert (status, errors) == (2, "Error: the licence has expired\n")
    report = json.loads(shown)
    assert (report["error"], report["examples"], len(report["findings"])) == ("the licence has expired", 2000, 1)


def test_the_report_as_json_is_the_same_whoever_works(fuzz):
    arguments = ("decode", "--oracle", "llvm", "--seed", "1", "--examples", "2001", "--json")
    reports = [json.loads(fuzz(*arguments, "--workers", workers)[1]) for workers in (1, 2)]
    assert [(report.pop("workers"), report.pop("seconds") > 0) for report in reports] == [(1, True), (2, True)]
    assert reports[0] == reports[1]
    report = reports[0]
    assert (report["target"], report["seed"], report["examples"], report["interrupted"]) == ("decode", 1, 2001, False)
    assert report["coverage"]["words"] == 2001
    assert 0 < report["coverage"]["totals"]["definitions"]["met"] < report["coverage"]["totals"]["definitions"]["all"]
    assert report["findings"] == []
    assert sum(report["known"].values()) > 0


def test_emulators(fuzz, monkeypatch):
    assert fuzz("execute", "--seed", "1", "--examples", "300")[0] == 0
    monkeypatch.setattr(ours, "execute", lambda *_: None)
    status, shown, _ = fuzz("execute", "--seed", "1", "--examples", "20", "--save", "here")
    assert status == 1
    file = re.search(r"saved: (here/execute-\S+\.json)", shown)[1]
    assert fuzz("replay", file)[0] == 1
    monkeypatch.undo()
    monkeypatch.chdir(Path(file).parent.parent)
    assert fuzz("replay", file)[0] == 0


def test_what_differs_for_a_known_reason_differs_in_a_replay_if_asked_for(fuzz, tmp_path):
    status, shown, _ = fuzz("decode", "--oracle", "llvm", "--seed", "1", "--examples", "200", "--all", "--json")
    assert status == 0
    report = json.loads(shown)
    assert sum(finding["found"]["count"] for finding in report["findings"]) == sum(report["known"].values()) > 0
    for finding in report["findings"]:
        assert finding == {"file": finding["file"], **json.loads((tmp_path / finding["file"]).read_text())}
    file = report["findings"][0]["file"]
    status, shown, _ = fuzz("replay", "--json", file)
    assert (status, json.loads(shown)["replays"][0]["verdict"]) == (0, "differs")
    assert fuzz("replay", "--all", file)[0] == 1


def test_probes(fuzz, monkeypatch, tmp_path):
    status, shown, errors = fuzz("probe", "--seed", "1", "--examples", "60")
    assert (status, errors) == (0, "")
    assert re.match(r"probe \(profile strict\), seed 1: 60 examples, \d+ of them not compared\nmet: ", shown)
    assert shown.endswith("\nnothing found\n")

    monkeypatch.setattr(fuzzing, "known", lambda *_: None)
    monkeypatch.setattr(fuzzing, "IMPLEMENTED", [item for item in IMPLEMENTED if item.title == "WFET"])
    status, shown, _ = fuzz("probe", "--profile", "v7.2", "--seed", "1", "--examples", "20")
    assert status == 1
    file = Path("fuzz-findings", "probe-waiting-d5031000.json")
    assert re.sub(r"\d+ examples?\)", "N examples)", shown).endswith(f"""
1. waiting  WFET  (N examples)
   d5031000  wfet x0
   with x0=0x40008800
   probed:   executed in the slot: it does not wait
   unprobed: waiting=event
   saved: {file}
""")
    assert fuzz("replay", file)[0] == 1
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    status, shown, _ = fuzz("replay", file)
    assert status == 0
    assert "\n   known: wfet: the return from the probe's exception" in shown
    assert fuzz("replay", "--all", file)[0] == 1


def test_programs_with_probes(fuzz, monkeypatch, tmp_path):
    assert fuzz("probe", "--programs", "--seed", "1", "--examples", "3")[0] == 0
    monkeypatch.setattr(programs, "_SLOWER", 0)
    status, shown, _ = fuzz("probe", "--programs", "--profile", "v15", "--seed", "2", "--examples", "2", "--first")
    assert status == 1
    assert shown.startswith("probe-programs (profile v15), seed 2: 2 examples")
    file = re.search(r"saved: (fuzz-findings/probe-programs-endless-[0-9a-f]{8}\.json)", shown)[1]
    assert re.search(r"// probed\n(   .*\n)*   probed:   no end in 0 cycles\n   unprobed: \d+ cycles\n", shown)
    assert fuzz("replay", file)[0] == 1
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    assert fuzz("replay", file)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["decode", "--oracle", "llvm", "--oracle-cmd", "cat"], "--oracle and --oracle-cmd exclude one another"),
        (["decode", "--isolated"], "--isolated is for a decoder by its name"),
        (["decode", "--oracle", "mine"], "there is no oracle 'mine': the entry points of aarch64_kprobes.decoders are"),
        (["execute", "--oracle", "mine"], "there is no oracle 'mine': the entry points of aarch64_kprobes.emulators"),
        (["decode", "--oracle-cmd", "false"], "false: ended with status 1"),
        (["decode", "--oracle-cmd", "head -1"], "head -1: 1 lines for "),
        (["decode", "--workers", "0"], "0 is not in the range x>=1"),
        (["decode", "--examples", "-1"], "'-1' is not a number"),
        (["decode", "--seconds", "-1"], "-1.0 is not in the range x>=0"),
        (["decode", "--text", "loose"], "'loose' is not one of"),
        (["decode", "--save", "taken/x", "--oracle-cmd", "yes undefined"], "yes undefined: no answer"),
        (["probe", "--profile", "v9"], "'v9' is not one of"),
        (["replay", "absent.json"], "absent.json: No such file or directory"),
        (["replay", "taken"], "taken is no finding: it is not JSON"),
    ],
    ids=lambda item: " ".join(item) if isinstance(item, list) else "",
)
def test_what_is_refused(fuzz, tmp_path, arguments, message):
    (tmp_path / "taken").touch()
    status, shown, errors = fuzz(*arguments, *(["--timeout", "0.2"] if "yes undefined" in arguments else []))
    assert (status, shown) == (2, "")
    assert errors.startswith("Error: ")
    assert errors.count("\n") == 1
    assert message in errors


def test_a_directory_that_cannot_be_made(fuzz, tmp_path):
    (tmp_path / "taken").touch()
    status, _, errors = fuzz("decode", "--oracle-cmd", "cat", "--examples", "10", "--save", "taken/x")
    assert (status, errors) == (2, "Error: taken/x: Not a directory\n")


def test_setups_of_findings_are_checked(fuzz, decoder, tmp_path):
    fuzz("decode", "--oracle-cmd", decoder("adr ", "adrp "), "--seed", "1", "--examples", "2500", "--save", ".")
    path = tmp_path / "decode-text-10000000.json"
    finding = json.loads(path.read_text())
    for change, message in (
        ({"target": "xol"}, "there is no target 'xol'"),
        ({"case": {"word": "0x100000000"}}, "0x100000000 is not a 32-bit word"),
        ({"case": {}}, "is no finding: KeyError('word')"),
        ({"target": "probe", "setup": {"profile": "v9"}}, "there is no profile 'v9'"),
        ({"target": "probe", "setup": {"profile": "v15"}, "case": {}}, "a case needs the word"),
        ({"target": "probe-programs", "setup": {"profile": "v15"}, "case": {}}, "is no finding: KeyError('program')"),
        ({"setup": {"oracle": "self", "text": "loose"}}, "is no finding: ValueError"),
        ({"setup": []}, "is no finding: TypeError"),
        ({"target": []}, "is no finding: TypeError"),
        ({"target": "execute", "setup": {"oracle": "unicorn", "tier": "exact"}}, "is no finding: KeyError('state')"),
    ):
        path.write_text(json.dumps(finding | change))
        status, _, errors = fuzz("replay", "--oracle-cmd", "cat", path)
        assert status == 2
        assert message in errors


def test_progress_is_shown_and_ctrl_c_ends_it(tmp_path):
    at_once = "import cli.fuzz.progress as shown; shown._QUIET_SECONDS = 0; from cli.main import main; main()"
    command = [sys.executable, "-c", at_once, "fuzz", "decode", "--seed", "1", "--seconds", "60", "--workers", "2"]
    status, shown = at_a_terminal(
        command, 100, cwd=tmp_path, environment=ENVIRONMENT, interrupt_after=b" definitions, 0 findings"
    )
    assert status == 130
    assert re.search(r"[\d,]+ examples, [\d,]+ a second, \d+ definitions, 0 findings", shown)
    lines = plain(shown).splitlines()
    assert re.fullmatch(r".*decode \(oracle self\), seed 1: [\d,]+ examples", lines[-5])
    assert lines[-2:] == ["nothing found", "a64: interrupted"]
