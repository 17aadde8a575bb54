"""`a64 asm`, `disasm`, `decode`, `isa`: what they print, and what they say of bad input."""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from aarch64.isa import table
from aarch64.isa.pattern import parse_pattern
from cli.diagram import boxes, draw
from cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "examples" / "programs"
A64 = [sys.executable, "-m", "cli"]


def a64(*arguments, text=None):
    """(exit status, standard output, standard error) of a command."""
    result = CliRunner().invoke(main, [str(item) for item in arguments], input=text)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


def process(*arguments, **options):
    """The command as a process of its own."""
    return subprocess.run([*A64, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, **options)


# --- asm


@pytest.mark.parametrize(
    ("arguments", "output"),
    [
        (["add x0, x1, x2, lsl #3"], "0x8b020c20\n"),
        (["add x0, x1, #1; add x1, x2, #2"], "0x91000420\n0x91000841\n"),
        (["top: add x0, x1, #1", "b top"], "0x91000420\n0x17ffffff\n"),
        (["ldr w0, =0x12345678"], "0x18000020\n0x12345678\n"),
        ([".byte 1, 2"], "0x0201\n"),
        (["--base", "0x1000", "adr x0, 0x1000", "b 0x1000"], "0x10000000\n0x17ffffff\n"),
    ],
)
def test_asm(arguments, output):
    assert a64("asm", *arguments) == (0, output, "")


def test_asm_json():
    status, output, _ = a64("asm", "--json", "--base", "0x40000000", "add x0, x1, #1", ".word 2")
    assert status == 0
    assert json.loads(output) == [
        {"address": "0x40000000", "word": "0x91000420"},
        {"address": "0x40000004", "word": "0x00000002"},
    ]


def test_asm_shows_where_the_error_is():
    assert a64("asm", "add x0, x1, #1", "add x0, x1, nowhere") == (
        2,
        "",
        "Error: text:2:13: undefined symbol 'nowhere'\n    add x0, x1, nowhere\n                ^\n",
    )


# --- decode

DECODED = """\
0x8b020c20  add x0, x1, x2, lsl #3

ADD (shifted register)
  group     Add and subtract
  feature   none: in every AArch64 machine
  syntax    add <Rd>, <Rn>, <Rm>{, <shift> #<amount>}
  status    implemented

  31   30:29   28:24   23:22   21   20:16   15:10     9:5     4:0
+----+-------+-------+-------+----+-------+--------+-------+-------+
| sf |   00  | 01011 | shift | 0  |   rm  |  imm6  |   rn  |   rd  |
| 1  |   00  | 01011 |   00  | 0  | 00010 | 000011 | 00001 | 00000 |
+----+-------+-------+-------+----+-------+--------+-------+-------+

  field   bits  binary  value  meaning
  sf        31       1      1  x0, x1, x2
  shift  23:22      00      0  lsl #3
  rm     20:16   00010      2  x2
  imm6   15:10  000011      3  lsl #3
  rn       9:5   00001      1  x1
  rd       4:0   00000      0  x0
"""


@pytest.mark.parametrize(
    "word", [["0x8b020c20"], ["8B020C20"], ["add x0, x1, x2, lsl #3"], ["add", "x0,x1,x2,", "lsl", "3"]]
)
def test_decode(word):
    assert a64("decode", *word) == (0, DECODED, "")


def test_decode_of_what_is_unallocated():
    assert a64("decode", "0xffffffff") == (
        0,
        "0xffffffff  .inst 0xffffffff\n\nUnallocated: executing it is UNDEFINED.\n",
        "",
    )
    assert json.loads(a64("decode", "--json", "ffffffff")[1]) == {
        "word": "0xffffffff",
        "text": ".inst 0xffffffff",
        "allocated": False,
    }


def test_decode_json():
    found = json.loads(a64("decode", "--json", "0x8b020c20")[1])
    assert (found["title"], found["implemented"], found["text"]) == (
        "ADD (shifted register)",
        True,
        "add x0, x1, x2, lsl #3",
    )
    assert found["fields"][3] == {"name": "imm6", "bits": "15:10", "binary": "000011", "value": 3, "meaning": "lsl #3"}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("0x123456789", "'0x123456789' is not a word: expected 1 to 8 hexadecimal digits, or an instruction"),
        ("frob x0", "text:1:1: unknown instruction 'frob'\n    frob x0\n    ^"),
        (
            "add x0, x0, #1; add x0, x0, #1",
            "'add x0, x0, #1; add x0, x0, #1' is not one instruction: a64 asm assembles several",
        ),
    ],
)
def test_decode_errors(word, message):
    assert a64("decode", word) == (2, "", f"Error: {message}\n")


def test_decode_explains_a_word_of_every_definition():
    for definition in table.DECODER.definitions:
        word = _some_word(definition)
        status, output, _ = a64("decode", f"{word:#x}")
        assert (status, output[:12]) == (0, f"{word:#010x}  "), definition.title


def _some_word(definition):
    allocated = (fields for fields in _some_fields(definition) if definition.accepts(fields))
    return next(map(definition.encode, allocated), definition.pattern.value)


def _some_fields(definition):
    """Every field at one value, for several values."""
    for value in range(4):
        yield {name: min(value, field.domain.stop - 1) for name, field in definition.fields.items()}


# --- the picture of an encoding

PATTERN = parse_pattern("sf:1 00 01011 shift:2 0 rm:5 imm6:6 rn:5 rd:5")


@pytest.mark.parametrize("width", [20, 40, 70, 200])
def test_pictures_are_as_narrow_as_asked_and_aligned(width):
    lines = draw(PATTERN, width, 0x8B020C20)
    assert max(map(len, lines)) <= width
    for start in range(0, len(lines), 5):
        _, top, names, values, bottom = lines[start : start + 5]
        assert len({len(top), len(names), len(values), len(bottom)}) == 1
        assert [index for index, character in enumerate(names) if character == "|"] == [
            index for index, character in enumerate(top) if character == "+"
        ]


def test_the_boxes_of_every_pattern_are_its_32_bits():
    for definition in table.DECODER.definitions:
        found = boxes(definition.pattern)
        assert [31, *(box.low - 1 for box in found)] == [*(box.high for box in found), -1], definition.title


@pytest.mark.parametrize(
    ("word", "syntax"),
    [
        (0xF9400420, "ldr <Xt>, [<Xn|SP>{, #<imm12>}]"),
        (0xB8408420, "ldr <Wt>, [<Xn|SP>], #<imm9>"),
        (0xB8626820, "ldr <Wt>, [<Xn|SP>, <Rm>{, <extend> {#<amount>}}]"),
        (0xA9410820, "ldp <Xt>, <Xt2>, [<Xn|SP>{, #<imm7>}]"),
        (0x91000420, "add <Rd|SP>, <Rn|SP>, #<imm>{, lsl #12}"),
        (0xD2A00020, "movz <Rd>, #<imm16>{, lsl #<shift>}"),
        (0xB8220020, "ldadd{a}{l} <Ws>, <Wt>, [<Xn|SP>{, #0}]"),
        (0x48227C24, "casp{a}{l} <Rs>, <R(s+1)>, <Rt>, <R(t+1)>, [<Xn|SP>{, #0}]"),
        (0xD9800820, "stlr <Xt>, [<Xn|SP>, #-8]!"),
        (0x54000020, "b.<cond> <label>"),
        (0xD3410820, "ubfm <Rd>, <Rn>, #<immr>, #<imms>"),
    ],
)
def test_syntax_is_shown_as_the_arm_arm_does(word, syntax):
    assert json.loads(a64("decode", "--json", f"{word:#x}")[1])["syntax"] == syntax


# --- disasm

LISTING = """\
{file}: entry 0x40000008

40000000 <helper>:
  40000000:  91000420  add x0, x1, #1
  40000004:  00000041  .word 0x00000041

40000008 <_start>:
  40000008:  17fffffe  b 0x40000000 <helper>
  4000000c:  17ffffff  b 0x40000008 <_start>
  40000010:  17fffffd  b 0x40000004 <helper+0x4>
  40000014:  ffffffff  .inst 0xffffffff  // unallocated
  40000018:  ab        .byte 0xab
"""

SOURCE = """
helper: add x0, x1, #1
        .word 0x41
_start: b helper
        b _start
        b helper + 4
        .inst 0xffffffff
        .byte 0xab
"""


def test_disasm_of_a_source(tmp_path):
    path = tmp_path / "x.s"
    path.write_text(SOURCE)
    assert a64("disasm", path) == (0, LISTING.format(file=path), "")


def test_disasm_json(tmp_path):
    path = tmp_path / "x.s"
    path.write_text(SOURCE)
    rows = json.loads(a64("disasm", "--json", path)[1])
    assert rows[2] == {
        "address": "0x40000008",
        "word": "0x17fffffe",
        "text": "b 0x40000000 <helper>",
        "labels": ["_start"],
        "note": None,
    }
    assert (rows[5]["note"], rows[6]["word"]) == ("unallocated", "0xab")


def test_disasm_of_a_raw_image(tmp_path):
    path = tmp_path / "x.bin"
    path.write_bytes(bytes.fromhex("20040091ab"))
    assert a64("disasm", "--base", "0x80000", path) == (
        0,
        f"{path}: entry 0x80000\n  80000:  91000420  add x0, x1, #1\n  80004:  ab        .byte 0xab\n",
        "",
    )


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.elf")), ids=lambda path: path.name)
def test_disasm_of_an_elf_program_has_every_word_of_objdump(path):
    status, output, _ = a64("disasm", path)
    objdump = subprocess.run(
        ["aarch64-linux-gnu-objdump", "-dz", path], capture_output=True, text=True, check=True
    ).stdout
    theirs = [line.split()[:2] for line in objdump.splitlines() if line.startswith("    4")]
    ours = [line.split()[:2] for line in output.splitlines() if line.startswith("  4")]
    words = [row for row in theirs if len(row[1]) == 8 and row[0][-2] in "048c"]  # objdump's padding may be unaligned
    assert status == 0
    assert len(words) > 10
    assert [row for row in words if row not in ours] == []


WORDS = "91000420\n0x8b020c20\nFFFFFFFF\n"
TEXTS = "add x0, x1, #1\nadd x0, x1, x2, lsl #3\n.inst 0xffffffff\n"


def test_disasm_of_words(tmp_path):
    path = tmp_path / "words"
    path.write_text(WORDS)
    assert a64("disasm", "--words", path) == (0, TEXTS, "")
    assert a64("disasm", "--words", "-", text=WORDS) == (0, TEXTS, "")
    found = json.loads(a64("disasm", "--words", "-", "--json", text=WORDS)[1])
    assert found[1] == {"word": "0x8b020c20", "text": "add x0, x1, x2, lsl #3"}


@pytest.mark.parametrize("line", ["zz", "", "123456789", "0x", "-1", "91000420 91000420", "\N{DIGIT ONE}\0"])
def test_a_line_that_is_no_word(line):
    status, output, error = a64("disasm", "--words", "-", text=f"91000420\n{line}\n91000420\n")
    assert (status, output) == (2, "add x0, x1, #1\n")
    assert error == f"Error: <stdin>:2: {line!r} is not a word: expected 1 to 8 hexadecimal digits\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["/nowhere/x.elf"], "Error: /nowhere/x.elf: cannot be read: No such file or directory\n"),
        (["--words", "/nowhere/words"], "File '/nowhere/words' does not exist."),
        ([PROGRAMS / "hello.elf", "--words", "-"], "give a program FILE, or --words FILE"),
        (["--base", "3", PROGRAMS / "hello.elf"], "0x3 is not a multiple of 4 below 2^52"),
        (["--base", "here", PROGRAMS / "hello.elf"], "'here' is not an address: write 0x40000000 or a decimal number"),
    ],
)
def test_disasm_errors(arguments, message):
    status, output, error = a64("disasm", *arguments)
    assert (status, output, error.count("\n")) == (2, "", 1)
    assert message in error


# --- isa


ONE_TITLE = """\
Add and subtract
================
ADD (shifted register)
  sf:1 00 01011 shift:2 0 rm:5 imm6:6 rn:5 rd:5
  add <Rd>, <Rn>, <Rm>{, <shift> #<amount>}

encodings         implemented  not implemented
Add and subtract            1                0
all                         1                0
"""


def test_isa_of_one_title():
    assert a64("isa", "ADD (shifted*") == (0, ONE_TITLE, "")


def test_isa_json_has_every_definition_once():
    found = json.loads(a64("isa", "--json")[1])
    assert [item["encoding"] for item in found["instructions"]] == [
        item.pattern.text for item in table.DECODER.definitions
    ]
    assert found["totals"]["all"] == {
        "implemented": sum(item.unsupported is None for item in table.DECODER.definitions),
        "unsupported": sum(item.unsupported is not None for item in table.DECODER.definitions),
    }


@pytest.mark.parametrize(
    ("arguments", "holds"),
    [
        (["add (immediate)"], lambda item: item["title"] == "ADD (immediate)"),
        (["--group", "subtract"], lambda item: item["group"] == "Add and subtract"),
        (["--feature", "lse"], lambda item: item["feature"] == "FEAT_LSE"),
        (["--feature", "FEAT_CRC32"], lambda item: item["feature"] == "FEAT_CRC32"),
        (["--unsupported"], lambda item: not item["implemented"] and item["reason"]),
        (["CRC32*"], lambda item: item["title"].startswith("CRC32")),
    ],
)
def test_isa_filters(arguments, holds):
    found = json.loads(a64("isa", "--json", *arguments)[1])["instructions"]
    everything = json.loads(a64("isa", "--json")[1])["instructions"]
    assert found == [item for item in everything if holds(item)]
    assert found


def test_isa_of_nothing():
    status, output, error = a64("isa", "no such instruction")
    assert (status, output) == (2, "")
    assert error.startswith("Error: no instruction is like that")


# --- the command as a whole


def test_help_names_every_command():
    status, output, _ = a64("--help")
    assert status == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in output] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command):
    status, output, _ = a64(command, "--help")
    assert status == 0
    assert "\\b" not in output


@pytest.mark.parametrize("arguments", [["frobnicate"], ["decode", "--frob"], ["asm"]])
def test_wrong_usage_is_status_2(arguments):
    assert a64(*arguments)[0] == 2


def test_version():
    assert a64("--version")[1].startswith("a64 ")


@pytest.mark.parametrize("module", ["cli", "cli.main"])
def test_the_command_as_a_module(module):
    done = subprocess.run(
        [sys.executable, "-m", module, "decode", "--help"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: a64 decode ")


def shell(line):
    """(exit status, standard output, standard error) of a shell's line, in which `a64` is this tree's."""
    setup = f'set -o pipefail; a64() {{ {shlex.join(A64)} "$@"; }}; '
    done = subprocess.run(["bash", "-c", setup + line], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


FULL = "Error: standard output: No space left on device\n"


@pytest.mark.parametrize(
    ("line", "outcome"),
    [
        ("a64 isa | head -n 1", (141, "Branches\n", "")),
        ("a64 isa > /dev/full", (2, "", FULL)),
        ("a64 decode d503201f > /dev/full", (2, "", FULL)),
        ("a64 --help > /dev/full", (2, "", FULL)),
        ("a64 decode --help > /dev/full", (2, "", FULL)),
        ("a64 isa nothing 2> /dev/full", (2, "", "")),
        ("a64 asm nop >&-", (0, "", "")),
        ("a64 asm nop <&-", (0, "0xd503201f\n", "")),
        ("a64 disasm --words - <&-", (0, "", "")),
        ("a64 disasm --words - 0> /dev/null", (2, "", "Error: <stdin>: Bad file descriptor\n")),
        ("a64 isa nothing <&- >&- 2>&-", (2, "", "")),
    ],
)
def test_streams_that_end_are_full_or_closed(line, outcome):
    assert shell(line) == outcome


def test_interrupting_a_command_is_one_line_and_status_130():
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "cli", "disasm", "--words", "-"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        running.stdin.write("91000420\n" * 2000)  # more than is read ahead: the first lines come back
        running.stdin.flush()
        assert running.stdout.readline() == "add x0, x1, #1\n"
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=60)
    assert (running.returncode, error) == (130, "a64: interrupted\n")


def test_colour_is_for_terminals_only():
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"}
    assert "\x1b[" not in process("decode", "0x8b020c20", env=environment).stdout
    command = shlex.join([*A64, "decode", "0x8b020c20"])

    def in_terminal(**more):
        return subprocess.run(
            ["script", "-qec", command, "/dev/null"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            env=environment | more,
        ).stdout

    assert "\x1b[36m0x8b020c20" in in_terminal()
    assert "\x1b[36m" not in in_terminal(NO_COLOR="1")


def test_starting_a_command_imports_only_what_it_needs():
    code = "import cli.main, cli.run, sys; print(sorted({'rich', 'elftools', 'aarch64.assembler'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
