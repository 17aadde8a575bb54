"""`a64 run` end to end: each test is a process of its own, as a user would start it."""

import io
import json
import os
import pty
import random
import re
import select
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aarch64.sampling import ProgramOptions, draw_program
from cli import report
from tests.programs.examples import load_examples

ROOT = Path(__file__).parents[2]
A64 = [sys.executable, "-m", "cli"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"}

EXIT = """
exit:   ldr     x2, =0x20026        // ADP_Stopped_ApplicationExit; the status in x0
        sub     sp, sp, #16
        stp     x2, x0, [sp]
        mov     x1, sp
        mov     w0, #0x18
        hlt     #0xf000
"""
PRINT = """
print:  ldr     x9, =0x09000000     // x0: what to print, up to a zero
1:      ldrb    w8, [x0], #1
        cbz     w8, 2f
        str     w8, [x9]
        b       1b
2:      ret
"""
START = "_start: ldr x30, =0x40010000\n mov sp, x30\n"


def command(*arguments):
    return [*A64, "run", *map(str, arguments)]


@pytest.fixture
def program(tmp_path):
    """Writes a source into a file."""

    def write(source):
        path = tmp_path / "program.s"
        path.write_text(source)
        return path

    return write


@pytest.fixture
def a64(tmp_path, program):
    """Runs `a64 run` on a source, or on a file, in a directory of its own."""

    def start(source, *options, stdin=b"", after=()):
        path = program(source) if isinstance(source, str) else source
        return subprocess.run(
            command(*options, path, *after),
            input=stdin,
            capture_output=True,
            cwd=tmp_path,
            env=ENVIRONMENT,
            timeout=120,
            check=False,
        )

    return start


def outcome(done):
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# --- the examples


@pytest.mark.parametrize(
    ("example", "path"),
    [(example, path) for example in load_examples() for path in example.paths],
    ids=lambda value: getattr(value, "name", None),
)
def test_an_example_prints_and_returns_what_it_should(a64, example, path):
    assert (example.exit_status, example.stdout, "") == outcome(a64(path, *example.arguments))


# --- the hot path

SUM = f"""{START} ldr x1, =5000
        mov     x0, #0
1:      add     x0, x0, x1
        subs    x1, x1, #1
        b.ne    1b
        and     x0, x0, #0xff
        {EXIT}"""


def test_exact_changes_nothing_but_the_way(a64, tmp_path):
    results = []
    for option in ((), ("--exact",)):
        done = a64(SUM, *option, "--json", "result.json")
        results.append((outcome(done), json.loads((tmp_path / "result.json").read_text())))
    assert results[0] == results[1]
    assert sum(range(5001)) & 0xFF == results[0][0][0]


def test_profile_tells_where_the_cycles_went(a64):
    status, printed, told = outcome(a64(SUM, "--profile"))
    assert (sum(range(5001)) & 0xFF, "") == (status, printed)
    head, hottest, *code = told.splitlines()
    assert re.fullmatch(r"\d+ cycles,   [0-9.]+ % of them one instruction at a time", head)
    assert re.fullmatch(r" 9\d\.\d %  +\d+  0x40000010 \(_start\+0x10\)", hottest)
    assert [" add x0, x0, x1", " subs x1, x1, #1", " b.ne 0x40000010"] == [line[-len(text):] for line, text in zip(
        code[:3], (" add x0, x0, x1", " subs x1, x1, #1", " b.ne 0x40000010"), strict=True)]  # fmt: skip


def test_profile_of_an_exact_run_says_so(a64):
    told = outcome(a64(SUM, "--profile", "--exact"))[2]
    assert "cycles, 100.0 % of them one instruction at a time" in told


def test_blocks_can_be_dumped(program, tmp_path):
    environment = {**ENVIRONMENT, "A64_DUMP_BLOCKS": "blocks"}
    subprocess.run(command(program(SUM)), cwd=tmp_path, env=environment, timeout=60, check=False)
    (file,) = (tmp_path / "blocks").iterdir()
    text = file.read_text()
    assert text.startswith("# 0x40000010  8b010000  add x0, x0, x1\n")
    assert "def block_40000010_el1(cpu, limit):" in text
    compile(text, file.name, "exec")


# --- exit status


@pytest.mark.parametrize(("status", "shown"), [(0, 0), (42, 42), (255, 255), (0x1_0000_0103, 3)])
def test_the_exit_status_is_the_program_s(a64, status, shown):
    assert (shown, "", "") == outcome(a64(f"{START} ldr x0, ={status}\n{EXIT}"))


def test_system_off_is_success(a64):
    assert (0, "", "") == outcome(a64("ldr w0, =0x84000008\nhvc #0"))


def test_max_cycles(a64):
    done = a64("loop: add x0, x0, #1\nb loop", "--max-cycles", "1_001")
    assert (124, "", "a64: --max-cycles is used up: cycle 1001, pc 0x40000004 (loop+0x4)\n") == outcome(done)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("here: b here", "branch to itself at 0x40000000 (here), EL1: no interrupt can end it [cycle 2,"),
        (".inst 0x19020401", "(0x19020401) at 0x40000000 is not implemented: "),
        ("main: brk #7", "breakpoint with no handler: BRK #0x7 from 0x40000000 (main), EL1; exception loop at 0x200"),
        ("mov x0, #0xb0000000\nstr x0, [x0]", "data abort, write, external abort at 0xb0000000 from 0x40000004, EL1;"),
        ("wfi", "waiting for an interrupt at 0x40000000, EL1: nothing can end it"),
    ],
)
def test_a_program_that_cannot_go_on(a64, source, message):
    status, output, error = outcome(a64(source))
    assert (125, "", 1) == (status, output, error.count("\n"))
    assert error.startswith("a64: ")
    assert message in error


USAGE = [
    (("--el", "4"), "'4' is not an exception level: want 0 to 3"),
    (("--max-el", "high"), "'high' is not an exception level"),
    (("--max-el", "0"), "no machine starts at EL1 with EL0 as its highest level"),
    (("--el", "3", "--max-el", "2"), "no machine starts at EL3 with EL2 as its highest level"),
    (("--ram", "lots"), "'lots' is not a size"),
    (("--ram", "010K"), "'010K' is not a size"),
    (("--ram", "1000"), "0x3e8 bytes of RAM: want a multiple of 0x1000"),
    (("--ram", "999999T"), "bytes of RAM: want a multiple"),
    (("--reg", "x31=0"), "'x31' is not a register"),
    (("--reg", "xzr=0"), "'xzr' is not a register"),
    (("--reg", "x0"), "'x0' is not of the form x0=42"),
    (("--reg", "x0=0x1ffffffffffffffff"), "is not of the form x0=42"),
    (("--features", "+lse3"), "'+lse3': want default, all or none first, then +name or -name of: bti ccidx crc32"),
    (("--features", "+lse,default"), "'default': want default, all or none first"),
    (("--features", ""), "'': want default"),
    (("--features", "+fp"), "FEAT_FP (floating point and Advanced SIMD) is not modelled"),
    (("--max-cycles", "-1"), "'-1' is not a number of at most 64 bits"),
    (("--max-cycles", "1e6"), "'1e6' is not a number of at most 64 bits, such as 1000000 or 0x1000"),
    (("--entry", "nowhere"), "nowhere"),
    (("--call", "nowhere"), "no symbol 'nowhere' in the program"),
    (("--base", "0x"), "'0x' is not an address"),
    (("--base", "0x40000002"), "0x40000002 is not a multiple of 4"),
    (("--base", "0x1000"), "does not fit into RAM at 0x40000000..0x48000000"),
    (("--semihosting-root", "nowhere"), "Directory 'nowhere' does not exist"),
    (("--json", "no/such/file"), "no/such/file: No such file or directory"),
    (("--trace", "."), ".: Is a directory"),
    (("--trace", ""), "--trace: give a file, or - for standard output"),
    (("--json", "state", "--trace", "./state"), "state: --json would overwrite --trace: give another file"),
    (("--json", "program.s"), "program.s: --json would overwrite the program: give another file"),
    (("--load", "virt.dtb"), "'virt.dtb' is not of the form virt.dtb@0x44000000"),
    (("--load", "@0x44000000"), "'@0x44000000' is not of the form virt.dtb@0x44000000"),
    (("--load", "virt.dtb@"), "'' is not an address: write 0x40000000 or a decimal number"),
    (("--load", "virt.dtb@high"), "'high' is not an address: write 0x40000000 or a decimal number"),
    (("--load", "virt.dtb@-1"), "-0x1 is not an address from 0 to below 2^52"),
    (("--load", "virt.dtb@0x10000000000000"), "0x10000000000000 is not an address from 0 to below 2^52"),
    (("--load", "missing@0x44000000"), "missing: cannot be read: No such file or directory"),
    (("--load", ".@0x44000000"), ".: cannot be read: Is a directory"),
    (("--load", "/dev/null@0x44000000"), "/dev/null: is empty"),
    (("--load", "program.s@0x47fffffe"), "program.s at 0x47fffffe..0x48000001 does not fit into RAM at 0x40000000..0x"),
    (
        ("--load", "program.s@0x3fffffff"),
        "does not fit into RAM at 0x40000000..0x48000000: place it elsewhere, or have",
    ),
    (
        ("--load", "program.s@0x40000003"),
        "program.s at 0x40000003..0x40000006 overlaps the program at 0x40000000..0x40000004: place one of them else",
    ),
    (
        ("--load", "program.s@0x44000000", "--load", "./program.s@0x43fffffe"),
        "./program.s at 0x43fffffe..0x44000001 overlaps program.s at 0x44000000..0x44000003: place one of them else",
    ),
    (("--json", "data", "--load", "data@0x44000000"), "data: cannot be read: No such file or directory"),
    (("--fastest",), "No such option"),
    (("--call", "f", "-1"), "No such option '-1'. Numbers below zero go after --, at the end."),
]


@pytest.mark.parametrize(("options", "message"), USAGE)
def test_wrong_usage(a64, options, message):
    status, output, error = outcome(a64("nop", *options))
    assert (2, "", 1) == (status, output, error.count("\n"))
    assert message in error
    assert error.startswith("Error: ")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.elf", None, "missing.elf: cannot be read: No such file or directory"),
        ("empty.bin", b"", "empty.bin: is empty"),
        ("empty.s", b"// nothing\n.data\n", "empty.s: is empty: it assembles to nothing"),
        ("broken.elf", b"\x7fELF", "broken.elf: "),
        ("bad.s", b"frobnicate x0", "unknown instruction 'frobnicate'"),
        (
            "long.bin",
            bytes(0x2000),
            "long.bin: program at 0x40000000..0x40002000 does not fit into RAM at 0x40000000..0x40001000: link it for",
        ),
    ],
)
def test_bad_files(a64, tmp_path, name, content, message):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    status, output, error = outcome(a64(Path(name), "--ram", "4K"))
    assert (2, "") == (status, output)
    assert message in error
    assert "Traceback" not in error


def test_too_many_arguments_and_unknown_ones_for_a_call(a64):
    assert "9 arguments: only 8" in outcome(a64("f: ret", "--call", "f", after="123456789"))[2]
    for text in ("x", "1.5", "0x10000000000000000", ""):
        error = f"Error: {text!r} is neither a 64-bit number nor a symbol of the program\n"
        assert (2, "", error) == outcome(a64("f: ret", "--call", "f", after=[text]))


# --- what options do


def registers(done):
    assert done.stderr == b"" or b"Traceback" not in done.stderr
    return json.loads(done.stdout)


def test_reg_and_json(a64):
    assignments = ("x0=-1", "W1=-1", "lr=0x10", "sp=0x40001000", "pc=0x40000004")
    options = [word for item in assignments for word in ("--reg", item)]
    done = a64("nop\nadd x2, x0, #2\nb .", *options, "--json", "-")
    state = registers(done)
    assert done.returncode == state["exit_status"] == 125
    values = {"x0": "0xffffffffffffffff", "x1": "0xffffffff", "x2": "0x1", "x30": "0x10", "sp": "0x40001000"}
    facts = {"stop": "stuck", "cycles": 3, "retired": 3, "el": 1, "pc": "0x40000008", "exceptions": {}}
    assert {**state, **values, **facts} == state
    assert [f"x{number}" for number in range(31)] == [name for name in state if re.fullmatch(r"x\d+", name)]
    assert {**state["pstate"], "n": 0, "d": 1, "sp": 1, "btype": 0} == state["pstate"]


def test_json_into_a_file_counts_exceptions(a64, tmp_path):
    done = a64("udf #0", "--json", "state.json")
    state = json.loads((tmp_path / "state.json").read_text())
    assert (b"", {"UNKNOWN": 1, "INSTRUCTION_ABORT": 2}) == (done.stdout, state["exceptions"])
    assert state["message"] in done.stderr.decode()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("f", "40", "0x2"), "x0 = 0x2a (42)\n"),
        (("f", "--", "-3", "1"), "x0 = 0xfffffffffffffffe (18446744073709551614, -2)\n"),
        (("0x40000004", "1", "2"), "x0 = 0x3 (3)\n"),
        (("f", "f", "1"), "x0 = 0x40000005 (1073741829)\n"),
    ],
)
def test_call(a64, arguments, text):
    symbol, *rest = arguments
    assert (0, text, "") == outcome(a64("_start: b .\nf: add x0, x0, x1\nret", "--call", symbol, after=rest))


def test_a_call_has_a_stack(a64):
    done = a64("f: mov x0, sp\nret", "--call", "f", "--ram", "64K")
    assert (0, "x0 = 0x40010000 (1073807360)\n", "") == outcome(done)


def test_trace_to_stdout_keeps_lines_whole(a64):
    done = a64("ldr x1, =0x09000000\nmov w0, #65\nstr w0, [x1]\nb .", "--trace", "-", "--max-cycles", "4")
    assert done.stdout.decode().splitlines() == [
        "0 EL1h 0x0000000040000000 58000081 ldr x1, 0x40000010 | x1=0x9000000",
        "1 EL1h 0x0000000040000004 52800820 mov w0, #65 | x0=0x41",
        "A",
        "2 EL1h 0x0000000040000008 b9000020 str w0, [x1] | [0x0000000009000000]:4=0x41",
        "3 EL1h 0x000000004000000c 14000000 b 0x4000000c",
    ]


def test_trace_into_a_file(a64, tmp_path):
    done = a64(f'{START} adr x0, text\n bl print\n b .\n{PRINT}\ntext: .asciz "hi\\n"', "--trace", "trace.txt")
    assert b"hi\n" == done.stdout
    lines = (tmp_path / "trace.txt").read_text().splitlines()
    assert (len(lines), True) == (22, all(line.startswith(f"{number} EL1h ") for number, line in enumerate(lines)))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("default", b"branch to itself"),
        ("all", b"branch to itself"),
        ("none,+FEAT_LSE", b"branch to itself"),
        ("none", b"undefined instruction from 0x40000008 (_start+0x8)"),
        ("-bti,-lse", b"undefined instruction from 0x40000008 (_start+0x8)"),
    ],
)
def test_features(a64, features, message):
    assert message in a64(f"{START} ldadd x0, x2, [sp]\n b .", "--features", features, "--reg", "x0=1").stderr


def test_unaligned(a64):
    source = "adr x1, .+1\nldr x0, [x1]\nb ."
    assert b"alignment fault" in a64(source).stderr
    assert b"branch to itself" in a64(source, "--unaligned").stderr


@pytest.mark.parametrize(
    ("options", "el", "mode"),
    [((), 1, 1), (("--el", "0"), 0, 0), (("--el", "3"), 3, 1), (("--max-el", "2"), 1, 1)],
)
def test_levels(a64, options, el, mode):
    state = registers(a64("b .", "--json", "-", *options))
    assert (el, mode) == (state["el"], state["pstate"]["sp"])


def test_firmware_answers_where_there_is_no_level_for_it(a64):
    source = "ldr w0, =0x84000000\n{} #0\nb ."
    assert "0x10001" == registers(a64(source.format("hvc"), "--json", "-"))["x0"]
    assert "0x10001" == registers(a64(source.format("smc"), "--json", "-", "--max-el", "2"))["x0"]
    assert b"SMC #0x0" in a64(source.format("smc"), "--max-el", "3").stderr


def test_a_raw_image_is_placed_at_its_base(a64, tmp_path):
    (tmp_path / "raw.bin").write_bytes(bytes.fromhex("1f2003d5 00000014"))  # nop; b .
    state = registers(a64(Path("raw.bin"), "--base", "0x40001000", "--json", "-"))
    assert ("0x40001004", 3) == (state["pc"], state["cycles"])


BYTES = "first: ldrb w0, [x0]\nldrb w1, [x1]\nb ."
"""The bytes at the addresses in x0 and x1."""


@pytest.mark.parametrize(
    ("name", "address", "content", "found"),
    [
        ("virt.dtb", "0x44000000", b"\xd0\x0d", ("0xd0", "0xd")),
        ("odd", "0x44000fff", b"ab", ("0x61", "0x62")),  # of any alignment, and across pages
        ("at@sign", "1140850688", b"ab", ("0x61", "0x62")),
        ("behind", "0x40000010", b"ab", ("0x61", "0x62")),  # next to the program
        ("last", "0x47fffffe", b"ab", ("0x61", "0x62")),
        ("elf", "0x44000000", (ROOT / "examples/programs/hello.elf").read_bytes(), ("0x7f", "0x45")),
        ("source.s", "0x44000000", b"nop", ("0x6e", "0x6f")),
    ],
)
def test_a_loaded_file_is_in_memory_as_it_is(a64, tmp_path, name, address, content, found):
    (tmp_path / name).write_bytes(content)
    first = int(address, 0)
    pointers = ("--reg", f"x0={first}", "--reg", f"x1={first + 1}")
    state = registers(a64(BYTES, "--load", f"{name}@{address}", *pointers, "--json", "-"))
    assert (*found, "0x40000008") == (state["x0"], state["x1"], state["pc"])


def test_several_files_are_loaded_and_one_more_than_once(a64, tmp_path):
    (tmp_path / "one").write_bytes(b"\x22\x11")
    (tmp_path / "two").write_bytes(b"\x33")
    loads = [word for item in ("one@0x44000000", "two@0x44000002", "one@0x44000003") for word in ("--load", item)]
    done = a64("f: ldr x0, [x0]\nret", *loads, "--call", "f", after=["0x44000000"])
    assert (0, "x0 = 0x1122331122 (73588216098)\n", "") == outcome(done)


def test_a_loaded_file_is_there_again_after_a_reset(a64, tmp_path):
    (tmp_path / "data").write_bytes(b"A")
    source = """
        ldr     x1, =0x09000000
        ldrb    w3, [x2]
        str     w3, [x1]
        strb    wzr, [x2]
        ldr     w0, =0x84000009     // SYSTEM_RESET
        hvc     #0
    """
    options = ("--load", "data@0x44000000", "--reg", "x2=0x44000000", "--max-cycles", "18")
    assert (124, "AAA") == outcome(a64(source, *options))[:2]


def test_the_stack_of_a_call_is_not_in_a_loaded_file(a64, tmp_path):
    (tmp_path / "data").write_bytes(bytes(0xFFF))
    options = ("--ram", "64K", "--load", "data@0x4000f001", "--call", "f")
    assert (0, "x0 = 0x4000f000 (1073803264)\n", "") == outcome(a64("f: mov x0, sp\nret", *options))


@pytest.mark.parametrize("option", ["--trace", "--json"])
def test_a_loaded_file_is_not_written_over(a64, tmp_path, option):
    (tmp_path / "data").write_bytes(b"data")
    error = f"Error: ./data: {option} would overwrite the file of --load: give another file\n"
    assert (2, "", error) == outcome(a64("nop", "--load", "data@0x44000000", option, "./data"))
    assert (tmp_path / "data").read_bytes() == b"data"


@pytest.mark.parametrize("entry", ["second", "0x40000004"])
def test_entry(a64, entry):
    done = a64("first: mov x0, #1\nsecond: add x0, x0, #2\nb .", "--entry", entry, "--json", "-")
    assert registers(done)["x0"] == "0x2"


COMMAND_LINE = f"""{START}
        adr     x1, block
        mov     w0, #0x15
        hlt     #0xf000
        adr     x0, buffer
        bl      print
        mov     x0, #0
        b       exit
{EXIT}{PRINT}
        .balign 8
block:  .quad   buffer, 100
buffer: .space  100
"""


def test_the_command_line_is_the_program_s(a64, program):
    program(COMMAND_LINE)
    done = a64(Path("program.s"), after=("one", "two", "--", "--three", "-4"))  # short: the guest has room for 99 bytes
    assert (0, "program.s one two --three -4", "") == outcome(done)


COPY = f"""{START}
        adr     x1, open
        mov     w0, #1
        hlt     #0xf000
        cmn     x0, #1
        b.eq    refused
        adr     x1, read
        str     x0, [x1]
        mov     w0, #6
        hlt     #0xf000
        adr     x0, buffer
        bl      print
        mov     x0, #0
        b       exit
refused: mov    w0, #0x13
        hlt     #0xf000
        b       exit
{EXIT}{PRINT}
        .balign 8
open:   .quad   name, 0, 4
read:   .quad   0, buffer, 100
name:   .asciz  "file"
buffer: .space  101
"""


def test_semihosting_root(a64, tmp_path):
    (tmp_path / "file").write_text("content")
    assert (13, "", "") == outcome(a64(COPY))  # EACCES
    assert (0, "content", "") == outcome(a64(COPY, "--semihosting-root", "."))
    (tmp_path / "file").rename(tmp_path / "secret")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").symlink_to(tmp_path / "secret")
    assert (13, "", "") == outcome(a64(COPY, "--semihosting-root", "sub"))


ECHO = f"""{START}
        ldr     x10, =0x09000000
1:      ldr     w1, [x10, #0x18]
        tbnz    w1, #4, 1b
        ldr     w1, [x10]
        cmp     w1, #4              // end of transmission
        b.eq    2f
        str     w1, [x10]
        b       1b
2:      mov     x0, #0
{EXIT}"""


def test_the_uart_is_standard_input_and_output(a64):
    data = bytes(range(5, 256)) + b"\x04"
    done = a64(ECHO, stdin=data)
    assert (0, data[:-1], b"") == (done.returncode, done.stdout, done.stderr)


def test_the_end_of_the_input_is_silence(a64):
    assert (124, "ab") == outcome(a64(ECHO, "--max-cycles", "5000", stdin=b"ab"))[:2]


def test_how_input_arrives_does_not_matter(a64, program):
    source = ECHO.replace("str     w1, [x10]", "nop")
    state = registers(a64(source, "--json", "-", stdin=b"abc\x04"))
    arguments = command(program(source), "--json", "-")
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=ENVIRONMENT) as slow:
        for character in b"abc\x04":
            time.sleep(0.3)
            slow.stdin.write(bytes([character]))
            slow.stdin.flush()
        assert state == json.loads(slow.communicate(timeout=60)[0])


# --- address translation

TRANSLATING = """
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
        {}
        ldr     w0, =0x84000008             // SYSTEM_OFF
        hvc     #0
        .balign 4096
root:   .quad   0, 0x40000701               // level 1: nothing, and RAM
        .quad   0x40000781                  // RAM again, read-only
        .quad   0x10000701                  // nothing that answers
        .space  4096 - 32
"""
CONTROLS = "  EL1&0, TTBR0_EL1, 4KB granule, 39-bit addresses (T0SZ 25), 32-bit output"
FACTS = "Normal, Write-Back read/write-allocate, inner shareable"


@pytest.mark.parametrize(
    ("instruction", "message", "walk"),
    [
        (
            "str x1, [x2]",
            "data abort, write, permission fault, level 1 at 0x80000000 from 0x40000028",
            [
                CONTROLS,
                f"  level 1  [0x40001010] 0x0000000040000781  block at 0x40000000, EL1 r-x, EL0 --x, {FACTS}",
                "  permission fault, level 1: EL1 may not write: AP[2] (bit 7) is set",
            ],
        ),
        (
            "br xzr",
            "instruction abort, translation fault, level 1 at 0x0 from 0x0",
            [
                CONTROLS,
                "  level 1  [0x40001000] 0x0000000000000000  invalid",
                "  translation fault, level 1: bit 0 of the descriptor is clear: it is invalid",
            ],
        ),
        (
            "add x2, x2, #1, lsl #12\n ldr x1, [x2, x2]",
            "data abort, read, translation fault, level 1 at 0x100002000 from 0x4000002c",
            [
                CONTROLS,
                "  level 1  [0x40001020] 0x0000000000000000  invalid",
                "  translation fault, level 1: bit 0 of the descriptor is clear: it is invalid",
            ],
        ),
        (
            "mov x3, #0xd0000000\n ldr x1, [x3]",
            "data abort, read, external abort at 0xd0000000 from 0x4000002c",
            [
                CONTROLS,
                f"  level 1  [0x40001018] 0x0000000010000701  block at 0x0, EL1 rwx, EL0 --x, {FACTS}",
                "  external abort: nothing answers at physical 0x10000000",
            ],
        ),
    ],
)
def test_the_walk_is_told_of_an_abort_that_ends_the_run(a64, instruction, message, walk):
    status, output, error = outcome(a64(TRANSLATING.format(instruction)))
    first, *rest = error.splitlines()
    assert (125, "", walk) == (status, output, rest)
    assert first.startswith(f"a64: {message}")


def test_the_walk_of_an_abort_in_json(a64):
    state = registers(a64(TRANSLATING.format("str x1, [x2]"), "--json", "-"))
    assert ("stuck", 125, 3) == (state["stop"], state["exit_status"], len(state["details"]))
    assert state["details"][-1] == "permission fault, level 1: EL1 may not write: AP[2] (bit 7) is set"
    assert "break_before_make" not in state


def test_where_nothing_is_translated_there_is_no_walk(a64):
    assert 1 == a64("ldr x1, [x0]").stderr.count(b"\n")


USED = "ldr x4, ={}\n ldr x1, [x2]\n"
"""A value for the descriptor of a page, which the TLB holds from now on."""
BREAK = "str xzr, [x0, #16]\n dsb sy\n tlbi vmalle1\n dsb sy\n isb\n"
MAKE = "str x4, [x0, #16]\n dsb sy\n"


@pytest.mark.parametrize("noticed", ["", "tlbi vmalle1\n"])
def test_check_bbm_tells_what_was_changed_without_break_before_make(a64, tmp_path, noticed):
    done = a64(TRANSLATING.format(USED.format("0x80000f81") + MAKE + noticed), "--check-bbm", "--json", "state")
    cycle, pc = (14, 0x4000_0038) if noticed else (16, 0x4000_0040)
    error = (
        "a64: break-before-make: 0x80000000 (TTBR0_EL1): level 1 descriptor 0x40000781 at 0x40001010 became level 1 "
        "descriptor 0x80000f81 at 0x40001010 while the TLB holds the old one (output address 0x40000000 to 0x80000000, "
        "global to non-global): write an invalid descriptor and execute TLBI in between "
        f"[noticed at cycle {cycle}, pc {pc:#x} (_start+{pc & 0xFF:#x})]\n"
    )
    assert (0, "", error) == outcome(done)
    assert json.loads((tmp_path / "state").read_text())["break_before_make"] == [
        {
            "address": "0x80000000",
            "asid": None,
            "descriptor_address": "0x40001010",
            "old": "0x40000781",
            "new": "0x80000f81",
            "changes": ["output address 0x40000000 to 0x80000000", "global to non-global"],
            "noticed_cycle": cycle,
            "noticed_pc": f"{pc:#x}",
        }
    ]


def test_check_bbm_tells_only_the_first_of_many(a64, tmp_path):
    change = f"ldr x1, [x2]\n eor x4, x4, #0x800\n add x4, x4, x5\n {MAKE} tlbi vmalle1\n dsb sy\n"  # nG
    source = TRANSLATING.format("ldr x4, =0x40000781\n mov x5, #1 << 55\n" + change * 25)  # bit 55 is for software
    done = a64(source, "--check-bbm", "--json", "state")
    *lines, last = done.stderr.decode().splitlines()
    found = json.loads((tmp_path / "state").read_text())["break_before_make"]
    assert (25, 20, "a64: break-before-make: 5 more: --json has them all") == (len(found), len(lines), last)


@pytest.mark.parametrize(
    "change",
    [
        USED.format("0x80000f81") + BREAK + MAKE,
        USED.format("0x40000701") + MAKE,  # other rights: allowed
        USED.format("0") + MAKE,  # broken only
        "ldr x4, =0x80000f81\n" + MAKE,  # not in the TLB
    ],
)
def test_check_bbm_finds_nothing_where_nothing_is_wrong(a64, change):
    done = a64(TRANSLATING.format(change), "--check-bbm", "--json", "-")
    assert (0, b"", []) == (done.returncode, done.stderr, registers(done)["break_before_make"])


# --- the host's streams

FOREVER = f"""{START}
1:      adr     x0, text
        bl      print
        b       1b
{PRINT}
text:   .asciz  "again and again\\n"
"""


@pytest.mark.parametrize("options", [(), ("--trace", "-")])
def test_a_reader_that_goes_away_ends_the_run_quietly(program, options):
    arguments = command(*options, program(FOREVER))
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT) as started:
        started.stdout.readline()
        started.stdout.close()
        assert (started.wait(60), started.stderr.read()) == (141, b"")


@pytest.mark.parametrize("source", [FOREVER, f'{START} adr x0, text\n bl print\n{EXIT}{PRINT}\ntext: .asciz "hi"'])
def test_a_full_disk_is_told(program, source):
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command(program(source)), stdout=full, stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=60, check=False
        )
    assert (2, b"Error: standard output: No space left on device\n") == (done.returncode, done.stderr)


def test_where_nobody_can_be_told_the_status_stands(program):
    with Path("/dev/full").open("wb") as full:
        for option, status in (("--max-cycles=9", 124), ("--ram=lots", 2)):
            done = subprocess.run(
                command(option, program(FOREVER)), stderr=full, capture_output=False, stdout=subprocess.DEVNULL,
                env=ENVIRONMENT, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == status


def test_a_trace_on_a_full_disk_is_told(a64):
    done = a64("1: b 2f\n2: b 1b", "--trace", "/dev/full")
    assert (2, "", "Error: /dev/full: No space left on device\n") == outcome(done)


@pytest.mark.parametrize(("closed", "output"), [("<&-", b"x"), (">&-", b""), ("2>&-", b"xa"), ("<&- >&- 2>&-", b"")])
def test_closed_streams(program, tmp_path, closed, output):
    program(ECHO.replace("1:", "mov w1, #'x'\n str w1, [x10]\n1:"))
    line = f"{shlex.join(command('program.s', '--max-cycles', 900))} {closed}"
    done = subprocess.run(
        ["sh", "-c", line], input=b"a", capture_output=True, cwd=tmp_path, env=ENVIRONMENT, timeout=60, check=False
    )
    assert (124, output) == (done.returncode, done.stdout)
    assert b"Traceback" not in done.stderr


# --- interruption and terminals


def interrupt(arguments, wait):
    """Start, call `wait`, interrupt; exit status and lines of stderr."""
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, stderr=pipe, env=ENVIRONMENT) as started:
        wait(started)
        started.send_signal(signal.SIGINT)
        started.stdout.read()
        return started.wait(60), started.stderr.read().decode().splitlines()


def test_ctrl_c_between_two_instructions(program, tmp_path):
    arguments = command(program(FOREVER), "--json", tmp_path / "state")
    status, lines = interrupt(arguments, lambda started: started.stdout.read(5000))
    assert (130, "a64: interrupted") == (status, lines[0])
    assert re.fullmatch(r" x0 [0-9a-f]{16}   x1 [0-9a-f]{16}   x2 [0-9a-f]{16}", lines[1])
    assert re.fullmatch(r"x30 [0-9a-f]{16}   sp [0-9a-f]{16}", lines[11])
    assert re.fullmatch(r" pc 0x[0-9a-f]+ \(\w+(\+0x[0-9a-f]+)?\)  EL1h [-NZCV]{4} DAIF", lines[12])
    state = json.loads((tmp_path / "state").read_text())
    assert ("interrupted", 130) == (state["stop"], state["exit_status"])
    assert f"{state['cycles']} cycles, {state['retired']} instructions retired" == lines[13]


def test_ctrl_c_while_the_guest_waits_for_input(program):
    def wait(started):
        started.stdin.write(b"?")
        started.stdin.flush()
        assert started.stdout.read(1) == b"?"
        time.sleep(0.3)

    status, lines = interrupt(command(program(ECHO)), wait)
    assert (130, "a64: interrupted") == (status, lines[0])


def test_ctrl_c_while_the_program_is_read(tmp_path):
    os.mkfifo(tmp_path / "program.s")
    pipe = subprocess.PIPE
    started = subprocess.Popen(command(tmp_path / "program.s"), stdout=pipe, stderr=pipe, env=ENVIRONMENT)
    try:
        time.sleep(1)  # it waits for a writer by now, or does so soon and is interrupted before
        for _ in range(50):  # a user presses it again if nothing happens
            started.send_signal(signal.SIGINT)
            try:
                output, errors = started.communicate(timeout=1)
                break
            except subprocess.TimeoutExpired:
                continue
        assert (130, b"", b"a64: interrupted\n") == (started.returncode, output, errors)
    finally:
        started.kill()


def test_ctrl_c_keeps_the_trace_so_far(program, tmp_path):
    arguments = command(program(FOREVER), "--trace", tmp_path / "trace")
    interrupt(arguments, lambda started: started.stdout.read(40))
    lines = (tmp_path / "trace").read_text().splitlines()
    assert len(lines) > 100
    assert [str(cycle) for cycle in range(len(lines))] == [line.split()[0] for line in lines]


class Screen(io.StringIO):
    """A terminal to write to."""

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("translation fault, level 1: bit 0 of", ["  translation fault, level 1: bit 0 of"]),
        (
            "translation fault, level 1: bit 0 of the descriptor is clear",
            ["  translation fault, level 1: bit 0 of the", "    descriptor is clear"],
        ),
        (
            "level 1  [0x40001010] 0x0000000040000781  block at 0x40000000, EL1 r-x",
            ["  level 1  [0x40001010] 0x0000000040000781", "           block at 0x40000000, EL1 r-x"],
        ),
        ("level 1  [0x40001010] nothing answers", ["  level 1  [0x40001010] nothing answers"]),
    ],
)
def test_what_is_told_of_a_walk_fits_a_terminal_and_is_whole_elsewhere(monkeypatch, text, lines):
    monkeypatch.setenv("COLUMNS", "45")
    assert lines == report.fitted(text, Screen(), "  ")
    assert [f"  {text}"] == report.fitted(text, io.StringIO(), "  ")


@pytest.fixture
def terminal():
    """Starts a run on a terminal; gives the process and the other end of the terminal."""
    ours, theirs = pty.openpty()
    started = []

    def start(*arguments):
        streams = {"stdin": theirs, "stdout": theirs, "stderr": theirs}
        started.append(subprocess.Popen(command(*arguments), env=ENVIRONMENT, start_new_session=True, **streams))
        os.close(theirs)
        return started[0], ours

    yield start
    started[0].kill()
    started[0].wait()
    os.close(ours)


def read_terminal(terminal, until, seconds=60.0):
    """What a terminal shows until it has just shown `until`, or its program has ended."""
    shown = b""
    end = time.monotonic() + seconds
    while until not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            try:
                shown += os.read(terminal, 1)
            except OSError:
                break
    return shown


def test_on_a_terminal_lines_appear_at_once_and_progress_is_shown(program, terminal):
    busy = f'{START} adr x0, text\n bl print\n1: add x0, x0, #1\n b 1b\n{PRINT}\ntext: .asciz "ready\\n"'
    process, screen = terminal(program(busy))
    assert read_terminal(screen, b"\n") == b"ready\r\n"
    assert re.fullmatch(rb"\r\x1b\[K[\d,]+ cycles, [\d,]+ a second", read_terminal(screen, b"a second"))
    process.send_signal(signal.SIGINT)
    shown = read_terminal(screen, b"retired")
    assert re.match(rb"(\r\x1b\[K[^\r]*)*\r\x1b\[K(\r\n)?a64: interrupted\r\n x0 ", shown)
    assert process.wait(60) == 130


def test_a_short_run_on_a_terminal_shows_only_what_the_guest_prints(terminal):
    process, screen = terminal(ROOT / "examples/programs/hello.s")
    assert read_terminal(screen, b"\n") == b"Hello from AArch64\r\n"
    assert (process.wait(60), read_terminal(screen, b"\n", 0.5)) == (0, b"")


def test_on_a_terminal_a_prompt_is_seen_and_a_message_has_its_own_line(program, terminal):
    prompt = f'{START} adr x0, text\n bl print\n1: add x0, x0, #1\n b 1b\n{PRINT}\ntext: .asciz "ready> "'
    process, screen = terminal(program(prompt))
    assert read_terminal(screen, b"> ") == b"ready> "
    process.send_signal(signal.SIGINT)
    assert read_terminal(screen, b"x2 ").startswith(b"\r\na64: interrupted\r\n x0 ")
    assert process.wait(60) == 130


def test_ctrl_c_at_a_terminal_that_has_waited_long_for_input(program, terminal):
    process, screen = terminal(program(ECHO))
    os.write(screen, b"a\n")
    assert read_terminal(screen, b"a\r\na\r\n") == b"a\r\na\r\n"
    time.sleep(1.2)  # the clock has ticked meanwhile
    process.send_signal(signal.SIGINT)
    assert b"a64: interrupted" in read_terminal(screen, b"retired", 10)
    assert process.wait(10) == 130


# --- start-up


NOT_NEEDED = {"aarch64.trace", "asyncio", "importlib.metadata", "json", "rich", "shutil"}


@pytest.mark.parametrize(("program", "other"), [("hello.s", "elftools"), ("hello.elf", "aarch64.assembler")])
def test_a_program_runs_without_what_it_does_not_need(program, other):
    code = (
        "import sys\nsys.path.insert(0, '.')\nbefore = set(sys.modules)\nfrom cli.main import main\n"
        f"try: main(['run', 'examples/programs/{program}'])\n"
        f"except SystemExit: print(*((set(sys.modules) - before) & {NOT_NEEDED | {other}}))"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert (b"Hello from AArch64\n\n", b"") == (done.stdout, done.stderr)


def test_help_says_what_the_exit_statuses_are():
    done = subprocess.run(command("--help"), env=ENVIRONMENT, capture_output=True, timeout=60, check=True)
    shown = re.findall(r"^    (\d+)  ", done.stdout.decode(), re.MULTILINE)
    assert shown == ["0", "2", "124", "125", "130", "141"]


def test_a_program_that_was_drawn_runs(a64_command, tmp_path):
    program = draw_program(random.Random(1), ProgramOptions(with_faults=True))
    (tmp_path / "drawn.s").write_text(program.text)
    assert a64_command("run", "--max-cycles", program.budget, "drawn.s") == (0, "", "")
