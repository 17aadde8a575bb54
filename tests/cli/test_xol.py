"""`a64 xol` end to end; where signals and terminals matter, in a process of its own."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

from kprobes import PROFILES
from kprobes.behaviour import Execution
from kprobes.reports import Moment
from kprobes.story import Between
from tests.cli.terminal import at_a_terminal, plain
from tests.documentation import documented

ROOT = Path(__file__).parents[2]
A64 = [sys.executable, "-m", "cli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}
PAGING = ROOT / "examples" / "programs" / "kernel_paging.elf"

SOURCE = """
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
        ldr     w0, =0x84000008         // SYSTEM_OFF
        hvc     #0
square: mul     x0, x0, x0
leave:  ret
"""
SQUARE = 0x40000030
UNMASK = "--unmask-debug"

PAGE = """\
hit 2 of p_leave_0 at 0x40000034 (leave): ret
profile v7.2: Linux v7.2

                                    PSTATE   saved    MDSCR
 cycle  moment                      D I SS   D I SS   SS KDE MDE
    15  before the probe            1 1  0   - -  -    0   0   0
        pc 0x40000034 (leave); ret
        BRK #4 stands for ret, and is about to be executed. [arch_arm_kprobe]
    16  BRK taken                   1 1  0   1 1  0    0   0   0
        elr 0x40000034 (leave); esr 0xf2000004: BRK #0x4
        BRK is taken whatever D, the OS lock, KDE and MDE say. The saved PC is that of the BRK itself; DAIF are set. \
[el1_dbg; Breakpoint Instruction exceptions]
    16  pre-handler                 1 1  0   1 1  0    0   0   0
        elr 0x40000034 (leave); esr 0xf2000004: BRK #0x4
        No hit is dealt with, so this one becomes current; its pre-handler runs, DAIF set. [kprobe_handler]
    16  instruction simulated       1 1  0   1 1  0    0   0   0
        elr 0x40000014 (again+0x8); esr 0xf2000004: BRK #0x4
        The instruction has been done to the saved registers, PC and flags included, as if at its own address: \
no slot, no step, no other exception. [arch_simulate_insn]
    16  post-handler                1 1  0   1 1  0    0   0   0
        elr 0x40000014 (again+0x8); esr 0xf2000004: BRK #0x4
        The post-handler has run; no hit is current any more. [post_kprobe_handler: post_handler]
    16  after the probe             1 1  0   - -  -    0   0   0
        pc 0x40000014 (again+0x8)
        The program goes on, as if there had been no probe. [Exception return]
"""


@pytest.fixture
def xol(tmp_path, a64_command):
    """Runs `a64 xol` on a source or a file; gives exit status, stdout, stderr."""

    def start(*arguments, source=SOURCE):
        if isinstance(source, str):
            (tmp_path / "program.s").write_text(source)
        return a64_command("xol", "program.s" if isinstance(source, str) else source, *arguments)

    return start


# --- text


def test_a_hit_from_its_beginning_to_its_end(xol):
    assert xol("p leave", "--hit", "2", "--profile", "v7.2") == (0, PAGE, "")


def rows(shown):
    return [line for line in shown.splitlines() if line[:6].strip().isdigit() and line[6:8] == "  "]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_tells_of_a_slot(xol, profile):
    status, shown, errors = xol("p square", UNMASK, "--profile", profile)
    assert (0, "") == (status, errors)
    titles = [row[8:34].rstrip() for row in rows(shown)]
    assert ("before the probe", "after the probe") == (titles[0], titles[-1])
    steps = PROFILES[profile].engine.execution is Execution.STEP
    assert (steps, not steps) == tuple(title in titles for title in ("step exception taken", "BRK of the slot taken"))
    assert "slot 0x48001000: 9b007c00" in shown


def test_what_the_program_prints_is_not_shown(xol):
    assert not [line for line in xol("r square", UNMASK, "--profile", "v7.2")[1].splitlines() if line == "!"]


def test_a_return_is_told_up_to_the_caller(xol):
    _, shown, _ = xol("r:back square $retval", UNMASK, "--profile", "v7.2")
    assert ["trampoline", "return handlers", "after the function"] == [row[8:34].rstrip() for row in rows(shown)[-3:]]


def test_a_fault_in_the_slot_is_told_to_the_end(xol):
    _, shown, errors = xol("p write", source=PAGING)
    titles = [row[8:34].rstrip() for row in rows(shown)]
    assert [
        "returned to the slot", "another exception", "step disabled", "PC set back to the probe", "other code",
        "before the probe", "BRK taken",
    ] == titles[7:14]  # fmt: skip
    assert ("after the probe", "") == (titles[-1], errors)
    assert "data abort, write, translation fault, level 3 at 0x80000000" in shown


def test_masks_that_a_fault_leaves_are_told(xol):
    _, shown, _ = xol("p write", "--profile", "v5.10", source=PAGING)
    assert shown.endswith(
        "The program goes on, but with D still set for the slot: the fault has left it so. [Exception return]\n"
    )


def test_a_run_that_ends_within_the_hit(xol):
    status, shown, errors = xol("p square")
    assert (0, "ran off the slot") == (status, rows(shown)[9][8:34].rstrip())
    assert errors.startswith("a64: the run ended before the hit was over: undefined instruction from 0x48001004")


def test_a_function_that_is_called(xol):
    status, shown, _ = xol("p square", "9", "--call", "square", UNMASK)
    assert (0, "     0  before the probe ") == (status, rows(shown)[0][:25])


# --- JSON


def test_json(xol, tmp_path):
    status, shown, _ = xol("p:q square", UNMASK, "--json", "hit.json")
    told = json.loads((tmp_path / "hit.json").read_text())
    assert (0, "", 15) == (status, shown, len(told["moments"]))
    assert {
        "title": "", "outcome": "", "facts": {}, "profile": "v15", "spec": "p:kprobes/q square", "hit": 1,
        "probe": {
            "address": f"{SQUARE:#x}", "symbol": "square+0x0/0x4", "word": "9b007c00", "text": "mul x0, x0, x0",
            "slot": "0x48001000",
        },
        "ended": "",
    } == {key: value for key, value in told.items() if key not in ("code", "moments")}  # fmt: skip
    assert [line["label"] for line in told["code"] if line["label"]] == ["square", "leave"]
    (square,) = [line for line in told["code"] if line["label"] == "square"]
    assert square == {
        "address": f"{SQUARE:#x}", "word": "d4200080", "text": "brk #0x4", "label": "square",
        "probed": "mul x0, x0, x0",
    }  # fmt: skip
    by_key = {moment["moment"]: moment for moment in told["moments"]}
    assert {
        "moment": "slot_reached", "title": "returned to the slot", "lane": "slot", "cycle": 6, "depth": 0,
        "probe": f"{SQUARE:#x}", "el": 1, "pc": "0x48001000", "pstate": {"d": 0, "i": 1, "ss": 1}, "saved": None,
        "mdscr": {"value": "0xa001", "ss": 1, "kde": 1, "mde": 1}, "elr": None, "spsr": None, "esr": None,
        "syndrome": "", "slot": "0x48001000", "slot_words": ["9b007c00"], "monitor": None,
        "instruction": {"address": "0x48001000", "word": "9b007c00", "text": "mul x0, x0, x0"}, "instructions": 0,
        "registers": by_key["slot_reached"]["registers"],
        "why": by_key["slot_reached"]["why"], "source": "Entering the active-not-pending state",
    } == by_key["slot_reached"]  # fmt: skip
    registers = [by_key[key]["registers"] for key in ("slot_reached", "executed")]
    assert [(each["x"][0], each["pc"]) for each in registers] == [("0x2", "0x48001000"), ("0x4", "0x48001004")]
    assert {len(each["x"]) for each in registers} == {31}
    taken = by_key["step_taken"]
    assert ("0x48001004", "0xcf000022", "software step") == (taken["elr"], taken["esr"], taken["syndrome"])
    assert ({"d": 0, "i": 1, "ss": 0}, "0x1c5") == (taken["saved"], hex(int(taken["spsr"], 16) & 0x3FF))


def test_json_on_stdout_is_instead_of_text(xol):
    status, shown, errors = xol("p leave", "--profile", "v7.2", "--json", "-")
    assert (0, 6, "") == (status, len(json.loads(shown)["moments"]), errors)


# --- a picture, a page


def test_a_picture_and_a_page(xol, tmp_path):
    status, shown, errors = xol("p square", UNMASK, "--svg", "-", "--html", "page.html")
    assert (0, "") == (status, errors)
    assert shown.startswith("<svg ")
    assert shown.endswith("</svg>\n")
    page = (tmp_path / "page.html").read_text()
    assert page.startswith('<!doctype html>\n<html lang="en">')
    assert page.endswith("</html>\n")
    assert all(text.count("returned to the slot") for text in (shown, page))


def test_the_fields_are_those_documented(a64_command):
    _, shown, _ = a64_command("xol", PAGING, "p write", "--json", "-")
    told = json.loads(shown)
    assert documented("`a64 xol`") == set(told)
    assert documented("the probe") == set(told["probe"])
    assert {frozenset(documented("a moment"))} == {frozenset(moment) for moment in told["moments"]}
    _, shown, _ = a64_command("run", PAGING, "--json", "-")
    run = set(json.loads(shown[shown.index("\n{") :]))
    _, shown, _ = a64_command("probe", PAGING, "-p", "p write", "--json", "-")
    told = json.loads(shown[shown.index("\n{") :])
    assert documented("`a64 probe`") == set(told) - run
    assert (documented("an event"), documented("a hit")) == (set(told["events"][0]), set(told["hits"][0]))


def test_the_moments_are_those_documented():
    text = (ROOT / "README.md").read_text().partition("`moment` is one of ")[2].partition(".\n")[0]
    assert {item.name.lower() for kind in (Moment, Between) for item in kind} == set(re.findall(r"`(\w+)`", text))


# --- what there is not


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("p square", "--hit", "0"), "--hit counts from 1 (a64 xol --help)"),
        (("p square", "--hit", "x"), "Invalid value for '--hit': 'x' is not a number of at most 64 bits, such as "),
        (("p nothing",), "there is no symbol of this name\n  p nothing\n    ^"),
        (("p leave",), "p leave: 0x40000034 (leave) (ret) cannot be probed: "),
        (("p square", UNMASK, "--hit", "3"), "there is no hit 3: 2 hits, then the program ended (PSCI SYSTEM_OFF)"),
        (("p square", "1", "--call", "square", UNMASK, "--hit", "2"),
         "there is no hit 2: 1 hit, then the program ended (the function returned)"),
        (("p square", "--json", "program.s"), "program.s: --json would overwrite the program: give another file"),
        (("p square", "--html", "program.s"), "program.s: --html would overwrite the program: give another file"),
        (("p square", "--html", "x", "--svg", "x"), "x: --html would overwrite --svg: give another file"),
        ((), "there is no lesson 'program.s': a64 xol --list has them; of a program, give a SPEC, too "),
        (("p square", "--json", "x", "--text", "x"), "x: --json would overwrite --text: give another file"),
        (("p square", "--json", "-", "--text", "-"), "standard output can be written to by one option only "),
    ],
)  # fmt: skip
def test_wrong_usage(xol, arguments, message):
    status, shown, errors = xol(*arguments)
    assert (2, "") == (status, shown)
    assert errors.startswith(f"Error: {message}")


def test_the_budget_of_cycles(xol):
    status, shown, errors = xol("p square", UNMASK, "--hit", "2", "--max-cycles", "10")
    assert (124, "") == (status, shown)
    assert errors.startswith("a64: hit 2 has not come: 1 hit until now\na64: --max-cycles is used up: cycle 10, pc ")


def test_a_kernel_that_dies_before_the_hit(xol):
    dies = """
_start: adr     x0, vectors
        msr     vbar_el1, x0
        msr     daifclr, #8
        mov     x1, #0x8001
load:   ldr     x0, [x1]
        b       .
        .balign 2048
vectors: .space 0x200
        b       load
"""
    status, shown, errors = xol("p load", "--hit", "2", source=dies)
    assert (125, "") == (status, shown)
    assert errors.startswith("a64: the probe at 0x40000010 (load) was hit while the instruction of the one at ")
    assert " x0 0000000040000800 " in errors


# --- terminals


def test_ctrl_c_while_progress_is_shown(tmp_path):
    (tmp_path / "program.s").write_text(SOURCE.replace("b.ne", "b   "))
    command = [*A64, "xol", "program.s", "p square", "--profile", "v7.2", "--hit", "1000000", "--text", "-"]
    status, shown = at_a_terminal(
        command, 100, cwd=tmp_path, environment=ENVIRONMENT, interrupt_after=b" cycles, "
    )  # fmt: skip
    assert status == 130
    assert "a64: hit 1000000 has not come: " in shown
    assert "a64: interrupted\n x0 " in shown


@pytest.mark.parametrize("columns", [48, 66, 100])
def test_on_a_terminal_everything_fits(tmp_path, columns):
    (tmp_path / "program.s").write_text(SOURCE)
    command = [*A64, "xol", "program.s", "p square", UNMASK, "--text", "-"]
    status, shown = at_a_terminal(command, columns, cwd=tmp_path, environment=ENVIRONMENT)
    lines = plain(shown).splitlines()
    assert status == 0
    assert max(map(len, lines)) <= columns
    assert any(line.startswith("        PSTATE D=1 I=1 SS=0") for line in lines) == (columns == 48)


def test_what_has_changed_is_coloured(tmp_path):
    (tmp_path / "program.s").write_text(SOURCE)
    command = [*A64, "xol", "program.s", "p square", UNMASK, "--text", "-"]
    usual = {name: value for name, value in ENVIRONMENT.items() if name != "NO_COLOR"}
    _, shown = at_a_terminal(command, 120, cwd=tmp_path, environment=usual)
    (enabled,) = [line for line in shown.splitlines() if "step enabled" in line]
    assert enabled.endswith("  \x1b[31m1\x1b[0m    \x1b[31m1\x1b[0m   \x1b[31m1\x1b[0m   \x1b[31m1\x1b[0m")
    _, quiet = at_a_terminal(command, 120, cwd=tmp_path, environment={**usual, "NO_COLOR": "1"})
    assert plain(quiet) == plain(shown)
    assert "\x1b[31m" not in quiet
