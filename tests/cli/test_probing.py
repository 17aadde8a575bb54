"""`a64 probe` on a program that runs, end to end; where signals and terminals matter, in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.terminal import at_a_terminal, plain

ROOT = Path(__file__).parents[2]
A64 = [sys.executable, "-m", "cli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}

OFF = """
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
"""
SOURCE = f"""
_start: ldr     x0, =0x40100000
        mov     sp, x0
        mov     x19, #2
again:  mov     x0, x19
        bl      square
        ldr     x1, =0x09000000
        mov     w2, #'!'
        str     w2, [x1]
        subs    x19, x19, #1
        b.ne    again
        mov     x0, #2
        bl      down
        {OFF}
square: mul     x0, x0, x0
leave:  ret
down:   stp     x29, x30, [sp, #-16]!
        cbz     x0, 1f
        sub     x0, x0, #1
        bl      down
1:      ldp     x29, x30, [sp], #16
        ret
"""
SQUARE, DOWN = 0x40000038, 0x40000040
UNMASK = "--unmask-debug"

ADVICE = (
    "PSTATE.D masks debug exceptions in the probed code, and so the step that is to end the slot: have the program "
    "clear it before (msr daifclr, #8), or follow a kernel that needs no step (v5.10, v7.2)"
)


@pytest.fixture
def probe(tmp_path, a64_command):
    """Runs `a64 probe` on a source; gives exit status, stdout, stderr."""

    def start(*arguments, source=SOURCE, text=""):
        (tmp_path / "program.s").write_text(source)
        return a64_command("probe", "program.s", *arguments, text=text)

    return start


# --- hits and the table

HITS = """\
       6  q: 0x40000038 (square) n=0x2
      11  back: 0x40000014 (again+0x8) <- 0x40000038 (square) arg1=4
!
      18  q: 0x40000038 (square) n=0x1
      23  back: 0x40000014 (again+0x8) <- 0x40000038 (square) arg1=1
!
      31  calls: 0x40000040 (down)
      37  calls: 0x40000040 (down)
      43  calls: 0x40000040 (down)
event  where                by    hits  missed         cycles  a hit  exceptions a hit
q      0x40000038 (square)  step     2  0                   6      3                 2
back   0x40000038 (square)  step     2  0                 104     52                 2
calls  0x40000040 (down)    step     3  0                   9      3                 2
rets   0x40000040 (down)    step     1  2 no instance      58   19.3                 2
"""


def test_a_line_a_hit_and_a_table(probe):
    specs = ("p:q square n=$arg1", "r:back square $retval:u64", "p:calls down", "r1:rets down")
    status, shown, errors = probe(UNMASK, *(item for spec in specs for item in ("-p", spec)))
    assert (0, "") == (status, errors)
    lines = [line for line in shown.splitlines() if "rets: " not in line]
    wanted = HITS.splitlines()
    assert [line[9:] for line in wanted[:9]] == [line[9:] for line in lines[:9]]
    assert wanted[-5:] == lines[-5:]


@pytest.mark.parametrize(
    ("profile", "spec", "method", "row"),
    [
        ("v15", "p square", "step", "2  0            6      3                 2"),
        ("v5.10", "p square", "BRK", "2  0            6      3                 2"),
        ("v7.2", "p leave", "simulation", "2  0            2      1                 1"),
        ("v7.2", "r square", "BRK", "2  0            8      4                 3"),
    ],
)
def test_ways_to_execute_the_instruction(probe, profile, spec, method, row):
    status, shown, _ = probe("--profile", profile, UNMASK, "-p", spec)
    assert status == 0
    last = shown.splitlines()[-1]
    assert f"  {method}  " in last
    assert " ".join(row.split()) == " ".join(last.split()[4:])


def test_groups_other_than_kprobes_are_shown(probe):
    assert "       6  mine/q: 0x40000038" in probe(UNMASK, "-p", "p:mine/q square", "--max-cycles", "10")[1]


def test_a_function_that_is_called(probe):
    status, shown, _ = probe("9", "--call", "square", UNMASK, "-p", "p:q square %x0:u8")
    assert status == 0
    first, result = shown.splitlines()[:2]
    assert ("q: 0x40000038 (square) arg1=9", "x0 = 0x51 (81)") == (first.split("  ")[-1], result)


def test_the_budget_of_cycles(probe):
    status, shown, errors = probe(UNMASK, "-p", "p:q square", "--max-cycles", "12")
    assert (124, True) == (status, errors.startswith("a64: --max-cycles is used up: cycle 12, pc 0x"))
    assert shown.splitlines()[-1].split()[:5] == ["q", "0x40000038", "(square)", "step", "1"]


def test_what_a64_run_prints_is_printed(probe):
    assert "!" in probe(UNMASK, "-p", "p square", "--json", "-")[1]


# --- specs in files


def test_specs_from_a_file_and_from_stdin(probe, tmp_path):
    (tmp_path / "events").write_text("# a comment\n\np:one square\n  p:two leave\n-:one\n")
    named = probe("--profile", "v7.2", "-p", "@events", "--list")
    piped = probe("--profile", "v7.2", "-p", "@-", "--list", text="p:two leave\n")
    assert named == piped == (0, "000000004000003c  k  leave+0x0\n", "")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "p square\np square %y\n",
            "Error: events:2: there are %x0 to %x30, %lr, %sp, %pc and %pstate\n  p square %y\n           ^\n",
        ),
        ("\nq square\n", "Error: events:2: a spec begins with p (probe), r (return probe) or -:EVENT (clear)\n"),
        ("p square\np square\n", "Error: events:2: there is the very same probe already\n  p square\n  ^\n"),
        ("-:none\n", "Error: events:1: -:none: there is no event to clear: -:none (-ENOENT)\n"),
        ("p leave\n", "Error: events:1: p leave: 0x4000003c (leave) (ret) cannot be probed: "),
    ],
)
def test_what_is_wrong_in_a_file_is_told_by_its_line(probe, tmp_path, text, message):
    (tmp_path / "events").write_text(text)
    status, shown, errors = probe("-p", "@events")
    assert (2, "") == (status, shown)
    assert errors.startswith(message)


# --- refusals


def test_a_refused_probe_tells_the_rule_and_the_nearest_places(probe):
    assert probe("-p", "p square", "-p", "p again+4") == (
        2,
        "",
        (
            "Error: p again+4: 0x40000010 (again+0x4) (bl 0x40000038) cannot be probed: a branch sets the PC: out of "
            "line it would go elsewhere, or not come back [aarch64_insn_is_steppable]; the nearest that can: "
            "0x4000000c (again) before, 0x40000018 (again+0xc) after (-EINVAL)\n"
        ),
    )


def test_a_caret_shows_where_a_spec_is_wrong(probe):
    wrong = "p square n=$arg9"
    message = "$argN is one of $arg1 to $arg8, which are in x0 to x7"
    assert probe("-p", wrong) == (2, "", f"Error: {message}\n  {wrong}\n             ^\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "say what to do: -p SPEC, --list, --blacklist, --verdict or --audit (a64 probe --help)"),
        (("--list",), "say what to do: -p SPEC, --list, --blacklist, --verdict or --audit (a64 probe --help)"),
        (("--list", "--blacklist"), "--list and --blacklist are two questions: give one of them (a64 probe --help)"),
        (("--words", "program.s"), "--words is for --verdict (a64 probe --help)"),
        (("--verdict", "-p", "p square"), "--verdict needs no probes: leave out -p (a64 probe --help)"),
        (("--blacklist", "-p", "p square"), "--blacklist needs no probes: leave out -p (a64 probe --help)"),
        (("--list", "-p", "p square", "--json", "-"), "there is no --json of --list (a64 probe --help)"),
        (("-p", "@no-such-file"), "no-such-file: No such file or directory"),
        (("-p", "p square", "--json", ""), "--json: give a file, or - for standard output"),
        (("-p", "p square", "--json", "program.s"), "program.s: --json would overwrite the program: give another file"),
        (("-p", "@x.s", "--json", "x.s"), "x.s: --json would overwrite the file of -p: give another file"),
        (("-p", "p square", "--json", "/no/such/place"), "/no/such/place: No such file or directory"),
    ],
)
def test_wrong_usage(probe, arguments, message):
    assert probe(*arguments) == (2, "", f"Error: {message}\n")


def test_a_program_is_needed():
    done = subprocess.run([*A64, "probe", "-p", "p x"], capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert (2, "Error: give a PROGRAM (a64 probe --help)\n") == (done.returncode, done.stderr)


# --- lists


def test_the_list_as_linux_has_it(probe):
    specs = ("-p", "p square", "-p", "r down", "-p", f"p {DOWN + 8:#x}")
    assert probe(*specs, "--list") == (
        0,
        f"{SQUARE:016x}  k  square+0x0\n{DOWN:016x}  r  down+0x0\n{DOWN + 8:016x}  k  down+0x8\n",
        "",
    )


def test_the_blacklist_as_linux_has_it(probe):
    assert probe("--blacklist") == (0, "", "")


def test_the_sections_of_the_blacklist(tmp_path):
    source = tmp_path / "kernel.s"
    source.write_text('.global _start\n_start: nop\n b .\n.section .kprobes.text,"ax"\nquiet: nop\n ret\n')
    link = "-Wl,--build-id=none,--nmagic,-Ttext=0x40000000,--section-start=.kprobes.text=0x40001000"
    command = ["aarch64-linux-gnu-gcc", "-nostdlib", "-static", link, "kernel.s", "-o", "kernel.elf"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)

    def run(*arguments):
        command = [*A64, "probe", "kernel.elf", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, check=False)

    listed = run("--blacklist")
    assert "0x40001000-0x40001008 .kprobes.text: functions that kprobes itself needs (__kprobes)\n" == listed.stdout
    refused = run("-p", "p quiet")
    assert refused.returncode == 2
    assert "no probe may be at 0x40001000 (quiet): it is in .kprobes.text" in refused.stderr


# --- JSON


def test_json(probe, tmp_path):
    specs = ("-p", "p:q square n=$arg1 t=@square:x32", "-p", "r:back square $retval:s8")
    status, shown, _ = probe(UNMASK, *specs, "--json", "result.json")
    told = json.loads((tmp_path / "result.json").read_text())
    assert (status, "exit", 0, "v15") == (0, told["stop"], told["exit_status"], told["profile"])
    assert [
        {
            "cycle": 6, "event": "kprobes/q", "pc": f"{SQUARE:#x}", "return_address": None,
            "args": {"n": "0x2", "t": "0xd4200080"},
        },
        {
            "cycle": told["hits"][1]["cycle"], "event": "kprobes/back", "pc": f"{SQUARE:#x}",
            "return_address": "0x40000014", "args": {"arg1": "4"},
        },
    ] == told["hits"][:2]  # fmt: skip
    assert {
        "event": "kprobes/q", "spec": "p:kprobes/q square n=$arg1 t=@square:x32", "address": f"{SQUARE:#x}",
        "method": "step", "hits": 2, "misses": {}, "cycles": 6, "exceptions": 4, "finished": 2,
    } == told["events"][0]  # fmt: skip
    assert told["notes"] == []
    assert "q: 0x40000038" in shown


def test_json_on_stdout_is_instead_of_lines_and_table(probe):
    _, shown, errors = probe(UNMASK, "-p", "p:q square", "--json", "-")
    guest, _, told = shown.partition("\n")
    assert ("!!", 2, "") == (guest, len(json.loads(told)["hits"]), errors)


# --- what goes wrong


def test_a_hit_that_runs_off_its_slot_is_explained(probe):
    status, shown, errors = probe("-p", "p:q square")
    assert (125, True) == (status, "step     1  1 ran off its slot       0      -  " in shown)
    first, second = errors.splitlines()
    assert (
        f"a64: the probe at 0x40000038 (square) ran off its slot: {ADVICE}; --unmask-debug has the program start so"
        == (first)
    )
    assert second.startswith("a64: undefined instruction from 0x48001004, EL1; exception loop at 0x200")


def test_what_the_kernel_says_of_it(probe):
    errors = probe("--profile", "v4.8", "-p", "p:q square")[2]
    said = "debug exceptions are masked at 0x40000038 (square): the step will not be taken"
    assert f"a64: the kernel says: {said}" == errors.splitlines()[0]


DIES = """
_start: adr     x0, vectors
        msr     vbar_el1, x0
        msr     daifclr, #8
        mov     x1, #0x8001
load:   ldr     x0, [x1]                // unaligned: its handler is probed, too
        b       .
        .balign 2048
vectors: .space 0x200
fault:  mov     x5, #1
        b       .
"""


def test_a_kernel_that_dies_of_a_probe(probe):
    status, shown, errors = probe("-p", "p:outer load", "-p", "p:inner fault", source=DIES)
    assert status == 125
    lines = errors.splitlines()
    assert lines[0].startswith(
        "a64: the probe at 0x40000a00 (fault) was hit while the instruction of the one at 0x40000010 (load) was "
    )
    assert "this kernel has no way to go on (reenter_kprobe) [cycle " in lines[0]
    assert " x0 0000000040000800 " in lines[1]
    assert "Traceback" not in errors
    assert "outer" in shown


def test_a_hit_within_a_hit_is_missed_where_the_kernel_survives_it(probe):
    status, shown, _ = probe("--profile", "v7.2", "-p", "p:outer load", "-p", "p:inner fault", source=DIES)
    assert status == 125  # the program's own endless loop
    assert "inner" in shown
    (row,) = [line for line in shown.splitlines() if line.startswith("inner")]
    assert "  0  1 re-entry  " in row


def test_code_at_el0_is_not_the_kernel_s(probe):
    source = f"""
_start: adr     x0, vectors
        msr     vbar_el1, x0
        adr     x0, user
        msr     elr_el1, x0
        msr     spsr_el1, xzr
        eret
user:   nop
        b       .
        .balign 2048
vectors: .space 0x400
        {OFF}
"""
    status, shown, errors = probe("-p", "p:q user", source=source)
    assert status == 0
    assert "not at EL1: the probed code runs at EL0, from where it goes to EL1" in errors
    assert "1 not at EL1" in shown
    assert UNMASK not in errors


def test_no_room_behind_ram(probe):
    status, _, errors = probe("--ram", str((1 << 48) - (1 << 30)), "-p", "p square")
    assert (2, True) == (status, "no room" in errors)


# --- interruption and terminals

FOREVER = SOURCE.replace("mov     x19, #2", "mov     x19, #0")


def test_ctrl_c_prints_the_table_and_the_state(tmp_path):
    (tmp_path / "program.s").write_text(FOREVER)
    command = [*A64, "probe", "program.s", UNMASK, "-p", "p:q square"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout.readline().startswith("       6  q: ")
        running.send_signal(signal.SIGINT)
        shown, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert errors.startswith("a64: interrupted\n x0 ")
    assert "exceptions a hit\nq      0x40000038 (square)  step" in shown


def test_a_reader_that_goes_away(tmp_path):
    (tmp_path / "program.s").write_text(SOURCE)
    line = f"{sys.executable} -m cli probe program.s {UNMASK} -p 'p square' | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.returncode in (0, 141)


@pytest.mark.parametrize("columns", [40, 60, 120])
def test_on_a_terminal_everything_fits(tmp_path, columns):
    (tmp_path / "program.s").write_text(SOURCE)
    command = [*A64, "probe", "program.s", UNMASK, "-p", "p:q square n=$arg1 back=%lr:symbol"]
    status, shown = at_a_terminal(command, columns, cwd=tmp_path, environment=ENVIRONMENT)
    lines = plain(shown).splitlines()
    assert status == 0
    assert max(map(len, lines)) <= columns
    if columns == 40:
        assert ["q", "  where: 0x40000038 (square)", "  by: step", "  hits: 2", "  missed: 0"] == lines[-8:-3]
    else:
        assert any(line.startswith("q ") for line in lines) == (columns == 120)


def test_colour_is_for_terminals_that_want_it(tmp_path):
    (tmp_path / "program.s").write_text(SOURCE)
    command = [*A64, "probe", "program.s", UNMASK, "-p", "p:q square"]
    usual = {name: value for name, value in ENVIRONMENT.items() if name != "NO_COLOR"}
    _, shown = at_a_terminal(command, 120, cwd=tmp_path, environment=usual)
    assert "\x1b[33mq:\x1b[0m" in shown
    _, quiet = at_a_terminal(command, 120, cwd=tmp_path, environment={**usual, "NO_COLOR": "1"})
    assert plain(quiet) == plain(shown)
    assert "\x1b[33m" not in quiet
