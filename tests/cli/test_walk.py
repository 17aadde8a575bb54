"""`a64 walk` end to end: each test is a process of its own, as a user would start it."""

import fcntl
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
A64 = [sys.executable, "-m", "cli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}

PAGING = """
_start: adr     x0, root
        msr     TTBR0_EL1, x0
        mov     x1, #25                     // T0SZ: 39 bits of address; 4KB granule
        msr     TCR_EL1, x1
        mov     x1, #0xff                   // AttrIndx 0: Normal
        msr     MAIR_EL1, x1
        ldr     x2, =0x80000000
        mov     x1, #0x1005                 // M, C, I
        msr     SCTLR_EL1, x1
        isb
on:     ldr     x3, [x2]
held:   str     xzr, [x0, #16]              // and no TLBI
gone:   ldr     x1, =0x09000000
        mov     w0, #'!'
        str     w0, [x1]
        ldr     w0, =0x84000008             // SYSTEM_OFF
        hvc     #0
        .balign 4096
root:   .quad   0x60000000000401            // level 1: the devices, Normal here
        .quad   0x40000701                  // RAM
        .quad   level2 + 3
        .space  4096 - 24
level2: .quad   level3 + 3
        .space  4096 - 8
level3: .quad   0x60000040000743            // EL0 reads and writes, nobody executes
        .quad   0x40000783 - 0x400          // AF clear
        .quad   0x40000701                  // reserved
        .space  4096 - 24
"""

FROM_TTBR0 = "EL1&0, TTBR0_EL1, 4KB granule, 39-bit addresses (T0SZ 25), 32-bit output"
TABLES = """\
level 1  [0x40001010] 0x0000000040002003  table at 0x40002000
level 2  [0x40002000] 0x0000000040003003  table at 0x40003000
"""
WRITE_BACK = "Normal, Write-Back read/write-allocate, inner shareable"
LEAF = f"level 3  [0x40003000] 0x0060000040000743  page at 0x40000000, EL1 rw-, EL0 rw-, {WRITE_BACK}\n"


@pytest.fixture
def walk(tmp_path):
    """Runs `a64 walk` on a source; gives exit status, stdout, stderr."""

    def start(*arguments, source=PAGING):
        (tmp_path / "program.s").write_text(source)
        done = subprocess.run(
            [*A64, "walk", "program.s", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=tmp_path, env=ENVIRONMENT, timeout=60,
            check=False,
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    return start


# --- answers


def test_a_page(walk):
    moment = "at cycle 10, pc 0x40000028 (on), EL1\n"
    answer = f"{FROM_TTBR0}\n{TABLES}{LEAF}physical 0x40000123, {WRITE_BACK}\n"
    assert (0, f"read from EL1 at 0x80000123\n{moment}{answer}", "") == walk("0x80000123", "--until", "on")


def test_what_the_tlb_has_and_what_the_tables_say_by_now(walk):
    _, *answer = walk("0x80000000")[1].splitlines(keepends=True)
    assert "".join(answer) == (
        "at cycle 17, pc 0x40000044 (gone+0x14), EL1\n"
        "from the TLB, which took it from these descriptors:\n"
        f"{FROM_TTBR0}\n{TABLES}{LEAF}physical 0x40000000, {WRITE_BACK}\n"
        "but the tables say something else by now, and no TLBI has told the TLB:\n"
        f"{FROM_TTBR0}\nlevel 1  [0x40001010] 0x0000000000000000  invalid\n"
        "translation fault, level 1: bit 0 of the descriptor is clear: it is invalid\n"
    )


@pytest.mark.parametrize(
    ("arguments", "title", "answer"),
    [
        (("level3", "--until", "on"), "read from EL1 at 0x40003000 (level3)", f"physical 0x40003000, {WRITE_BACK}"),
        (
            ("_start", "--until", "on", "--for", "write", "--from-el", "0"),
            "write from EL0 at 0x40000000 (_start)",
            "permission fault, level 1: EL0 may not write: AP[1] (bit 6) is clear",
        ),
        (
            ("2147483648", "--until", "on", "--for", "execute"),
            "execute from EL1 at 0x80000000",
            (
                "permission fault, level 3: EL1 may not execute: PXN (bit 53) is set "
                "and EL0 may write to the page (AP[2:1], bits 7:6, are 0b01)"
            ),
        ),
        (
            ("0x80001000", "--at-cycle", "10"),
            "read from EL1 at 0x80001000",
            "access flag fault, level 3: AF (bit 10) is clear",
        ),
        (
            ("0x80002000", "--until", "on"),
            "read from EL1 at 0x80002000",
            "translation fault, level 3: bit 1 of the descriptor is clear: no block has this level",
        ),
        (
            ("0x1000", "--until", "on"),
            "read from EL1 at 0x1000",
            "external abort: nothing answers at that address",
        ),
        (
            ("--until", "on", "--", "-4096"),
            "read from EL1 at 0xfffffffffffff000",
            "translation fault, level 0: TCR_EL1.T1SZ is 0: want 16 to 48",
        ),
        (("0x40000000", "--until", "_start"), "read from EL1 at 0x40000000 (_start)", "physical 0x40000000, Device"),
        (("0x40000000", "--at-cycle", "0"), "read from EL1 at 0x40000000 (_start)", "physical 0x40000000, Device"),
        (
            ("0x40000000", "--max-el", "3", "--from-el", "3", "--until", "on"),
            "read from EL3 at 0x40000000 (_start)",
            "physical 0x40000000, Device-nGnRnE, Secure",
        ),
    ],
)
def test_answers(walk, arguments, title, answer):
    status, output, error = walk(*arguments)
    first, *_, last = output.splitlines()
    assert (0, title, "") == (status, first, error)
    assert last.startswith(answer)


@pytest.mark.parametrize(
    ("arguments", "moment"),
    [
        (("--until", "_start"), "at cycle 0, pc 0x40000000 (_start), EL1"),
        (("--until", "0x40000004"), "at cycle 1, pc 0x40000004 (_start+0x4), EL1"),
        (("--at-cycle", "0"), "at cycle 0, pc 0x40000000 (_start), EL1"),
        (("--at-cycle", "0x3"), "at cycle 3, pc 0x4000000c (_start+0xc), EL1"),
        (("--entry", "on", "--at-cycle", "0", "--el", "2"), "at cycle 0, pc 0x40000028 (on), EL2"),
    ],
)
def test_the_moment_that_is_asked_for(walk, arguments, moment):
    status, output, error = walk("0", *arguments)
    assert (0, moment, "") == (status, output.splitlines()[1], error)


@pytest.mark.parametrize(
    ("source", "arguments", "remark"),
    [
        (PAGING, ("--until", "0x40000001"), "the program ended before --until: the answer is for its end"),
        (PAGING, ("--at-cycle", "99"), "the program ended before --at-cycle: the answer is for its end"),
        ("b .", ("--at-cycle", "9"), "the program ended before --at-cycle (branch to itself at 0x40000000, EL1: no"),
        ("b .", ("--until", "4"), "the program ended before --until (branch to itself at 0x40000000, EL1: no"),
        ("b .", (), "branch to itself at 0x40000000, EL1: no interrupt can end it"),
        (".inst 0x19020401", (), "CPYFP, CPYFM, CPYFE (0x19020401) at 0x40000000 is not implemented"),
    ],
)
def test_what_is_told_of_a_program_that_does_not_get_there(walk, source, arguments, remark):
    status, output, error = walk("0", *arguments, source=source)
    assert (0, True, 1) == (status, output.startswith("read from EL1 at 0x0\nat cycle "), error.count("\n"))
    assert error.startswith(f"a64: {remark}")


# --- JSON


def test_json_has_the_moment_the_question_and_the_answer(walk):
    status, output, error = walk("0x80000000", "--for", "execute", "--from-el", "0", "--json")
    value = json.loads(output)
    assert (0, "") == (status, error)
    now = value.pop("tables_now")
    assert value == {
        "stop": "exit",
        "message": "PSCI SYSTEM_OFF",
        "cycles": 17,
        "el": 1,
        "pc": "0x40000044",
        "right": "execute",
        "from_el": 0,
        "address": "0x80000000",
        "access": "execute from EL0",
        "from_tlb": True,
        "regime": "EL1&0",
        "table_register": "TTBR0_EL1",
        "granule": 4096,
        "address_bits": 39,
        "steps": [
            {"level": 1, "address": "0x40001010", "descriptor": "0x40002003", "kind": "table"},
            {"level": 2, "address": "0x40002000", "descriptor": "0x40003003", "kind": "table"},
            {"level": 3, "address": "0x40003000", "descriptor": "0x60000040000743", "kind": "page"},
        ],
        "physical": None,
        "attribute": None,
        "shareability": None,
        "secure": None,
        "fault": {
            "status": 0b001111,
            "name": "permission fault, level 3",
            "reason": "EL0 may not execute: UXN (bit 54) is set",
        },
        "mmu_off": None,
        "answers": None,
        "descriptor_update": None,
    }
    assert ("translation fault, level 1", None) == (now["fault"]["name"], now["physical"])


@pytest.mark.parametrize(
    ("arguments", "facts"),
    [
        (("0x80000000", "--until", "on"), {"stop": "until", "physical": "0x40000000", "fault": None, "el": 1}),
        (("0", "--at-cycle", "3"), {"stop": "max_cycles", "cycles": 3, "mmu_off": "SCTLR_EL1.M (bit 0) is clear"}),
        (("0", "--until", "_start"), {"stop": "until", "cycles": 0, "answers": "nothing", "from_el": 1}),
    ],
)
def test_json(walk, arguments, facts):
    value = json.loads(walk(*arguments, "--json")[1])
    assert {**value, **facts} == value


# --- wrong usage


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'ADDRESS'. (a64 walk --help)"),
        (("nowhere",), "no symbol 'nowhere' in the program"),
        (("0x10000000000000000",), "no symbol '0x10000000000000000' in the program"),
        (("0", "--until", "nowhere"), "no symbol 'nowhere' in the program"),
        (("0", "--until", "on", "--at-cycle", "5"), "--at-cycle and --until are two moments: give one of them (a64"),
        (("0", "--at-cycle", "-1"), "'-1' is not a number of at most 64 bits"),
        (("0", "--for", "eat"), "'eat' is not one of 'read', 'write', 'execute'"),
        (("0", "--from-el", "4"), "'4' is not an exception level: want 0 to 3"),
        (("0", "--from-el", "2"), "the machine has no EL2: its highest level is EL1"),
        (("0", "--reg", "x31=0"), "'x31' is not a register"),
        (("-1",), "No such option '-1'. Numbers below zero go after --, at the end."),
    ],
)
def test_wrong_usage(walk, arguments, message):
    status, output, error = walk(*arguments, source="loop: b 1f\n1: b loop")  # for ever: it is not run first
    assert (2, "", 1) == (status, output, error.count("\n"))
    assert error.startswith("Error: ")
    assert message in error


def test_a_file_that_is_not_there(tmp_path):
    done = subprocess.run(
        [*A64, "walk", "none.elf", "0"], cwd=tmp_path, env=ENVIRONMENT, capture_output=True, check=False
    )
    assert (2, b"", b"Error: none.elf: cannot be read: No such file or directory\n") == (
        done.returncode,
        done.stdout,
        done.stderr,
    )


def test_help_says_what_the_exit_statuses_are():
    done = subprocess.run([*A64, "walk", "--help"], env=ENVIRONMENT, capture_output=True, timeout=60, check=True)
    lines = done.stdout.decode().splitlines()
    assert ["0", "2", "130"] == [line.split()[0] for line in lines if re.match(r" {4}\d+  ", line)]
    assert max(map(len, lines)) <= 80


# --- interruption and terminals


def test_ctrl_c_ends_a_program_that_goes_on_for_ever(tmp_path):
    (tmp_path / "program.s").write_text("loop: b 1f\n1: b loop")
    pipe = subprocess.PIPE
    arguments = [*A64, "walk", "program.s", "0"]
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, cwd=tmp_path, env=ENVIRONMENT) as started:
        time.sleep(1.5)
        started.send_signal(signal.SIGINT)
        output, error = started.communicate(timeout=60)
    assert (130, b"") == (started.returncode, output)
    assert re.fullmatch(
        rb"a64: interrupted at cycle \d+, pc 0x4000000[04] \(loop(\+0x4)?\), EL1: "
        rb"ask for an earlier moment by --at-cycle or --until\n",
        error,
    )


def at_a_terminal(tmp_path, columns, *arguments, **environment):
    """What a terminal of some width shows of `a64 walk`."""
    (tmp_path / "program.s").write_text(PAGING)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    usual = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "NO_COLOR")}
    command = [*A64, "walk", "program.s", *arguments]
    streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
    with subprocess.Popen(command, cwd=tmp_path, env={**usual, **environment}, **streams):
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other end was closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    return shown.decode().replace("\r\n", "\n")


def plain(shown):
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


@pytest.mark.parametrize(
    ("columns", "leaf", "physical"),
    [
        (
            140,
            ["level 3  [0x40003000] 0x0060000040000743  page at 0x40000000, EL1 rw-, EL0 rw-, " + WRITE_BACK],
            [f"physical 0x40000000, {WRITE_BACK}"],
        ),
        (
            80,
            [
                "level 3  [0x40003000] 0x0060000040000743  page at 0x40000000, EL1 rw-, EL0 rw-,",
                f"         {WRITE_BACK}",
            ],
            [f"physical 0x40000000, {WRITE_BACK}"],
        ),
        (
            50,
            [
                "level 3  [0x40003000] 0x0060000040000743",
                "         page at 0x40000000, EL1 rw-, EL0 rw-,",
                "         Normal, Write-Back read/write-allocate,",
                "         inner shareable",
            ],
            ["physical 0x40000000, Normal, Write-Back", "  read/write-allocate, inner shareable"],
        ),
    ],
)
def test_on_a_terminal_long_lines_are_cut_between_facts(tmp_path, columns, leaf, physical):
    lines = plain(at_a_terminal(tmp_path, columns, "0x80000000", "--until", "on")).splitlines()
    assert [*leaf, *physical] == lines[-len(leaf) - len(physical) :]
    assert max(map(len, lines)) <= columns


def test_on_a_terminal_there_is_colour(tmp_path):
    good, bad = "\x1b[32m", "\x1b[31m"
    shown = at_a_terminal(tmp_path, 140, "0x80000000")
    assert f"{good}physical 0x40000000" in shown
    assert f"{bad}translation fault, level 1" in shown
    assert "\x1b[36m0x0000000040002003\x1b[" in shown
    quiet = at_a_terminal(tmp_path, 140, "0x80000000", NO_COLOR="1")
    assert plain(quiet) == plain(shown)
    assert not re.search(r"\x1b\[3[0-8]m", quiet)
