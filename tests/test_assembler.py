"""The assembler: layout, directives, literal pools and errors; bytes as the GNU assembler makes them."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.assembler import SourceError, assemble_source
from tests.oracles import gnu_as

BASE = 0x4008_0000
PROGRAMS = Path(__file__).parents[1] / "examples" / "programs"


def content(image):
    """Every byte of an image that is not zero by being left out, by address."""
    return {segment.address: segment.data for segment in image.segments if segment.data}


def assert_as_gnu(source, directory):
    image = assemble_source(source, filename="source.s", base=BASE)
    theirs = gnu_as.assemble(source, directory, BASE)
    assert {address: data for address, data in theirs.values() if data} == content(image)


SAME_AS_GNU = {
    "labels and branches of data": """
        start:  .quad end, end - start, start + 4 * 2
        end:    .word end - start, . - start
        """,
    "numeric labels": """
        1:      .word 1b - ., 1f - .
        1:      .word 1b - ., 2f - ., 10f - .
        2: 10:  .word 2b - ., 10b - .
        """,
    "the dot in a list": ".word . - x, . - x\n x: .quad ., .",
    "constants": """
        .equ  A, 3
        .set  B, A * 2
        C = B + 1
        .quad A, B, C, LATER
        .set  B, B + 10
        .quad B
        .equ  LATER, 99
        """,
    "a name assigned twice": ".set n, 1\n.byte n\n.set n, n + 1\n.byte n\n n = n + 1\n.byte n",
    "characters": r""".byte 'a', 'b', '\n', '\\', ';', ',', '"', '/', ' ', 'z + 1""",
    "strings": r""" .ascii "a;b//c", "d /* e */ \"\\ \t\n\101\x42\0"
                    .asciz "one", "", "two"  // a comment with "quotes"
                    .string "a, b" """,
    "data of every size": """
        .byte 1, -1, 255 ; .hword 0xffff, -32768 ; .short 1 ; .2byte 2
        .word 0xffffffff, -2147483648 ; .long 3 ; .4byte 4 ; .int 5
        .quad 0xffffffffffffffff, -1 ; .xword 6 ; .8byte 7 ; .dword 8
        """,
    "space": ".space 3\n .skip 2, 0xff\n .zero 4\n .byte 1\n .space end - start, 7\n start: .word 1\n end:".replace(
        "end - start", "(1 + 2)"
    ),
    "alignment of data": """
        .data
        .byte 1
        .balign 8
        .byte 2
        .align 4
        .byte 3
        .p2align 3, 0xee
        .byte 4
        .balign 16, , 2
        .byte 5
        .balign 16, 0, 15
        .byte 6
        """,
    "alignment of code": ".word 1\n .byte 1\n .balign 16\n .byte 2, 3\n .align 3\n .word 4\n .balign 8, 0\n",
    "sections": """
        .data
        d:      .quad t, r, b, d
        .text
        t:      .quad d, e - b
        .section .rodata
        r:      .asciz "read-only"
        .bss
        b:      .space 24
        e:
        .data
        .quad d + 8
        .section .text, "ax", %progbits
        .word 5
        .section .note.GNU-stack, "", %progbits
        .ident "dropped"
        """,
    "comments": """
        # at the start of a line
        /* over
           two lines */ .byte 1 /* here */, 2 // and here
        .byte 3 /* ; .byte 4 */ ; .byte 5
        """,
    "a large alignment moves the section": ".byte 1\n .balign 2048\n .byte 2\n .data\n .balign 64\n .byte 3",
    "what only a linker or debugger needs": """
        .arch armv8-a
        .file "x.c"
        .text
        .global main
        .type main, %function
        .cfi_startproc
        main: .inst 0xd503201f, 0xd503201f
        .cfi_endproc
        .size main, . - main
        .ident "GCC"
        """,
    "literal pools": """
        first:  ldr x0, =0x123456789abcdef0
                ldr w1, =0x12345678
                ldr x2, =1234
                ldr x3, =1234
                ldr x4, =table
                ldr x5, =table
                ldr x6, =table + 8
                ldr x7, =-1
                .ltorg
        second: ldr x0, =1234
                ldr w1, =-1
                ldrsw x2, =77
                ldr lr, =second
        1:      ldr x8, =1b
        1:      ldr x8, =1b
                .section .rodata
        table:  .quad 1
        """,
    "low twelve bits and pages": """
                adrp x0, far
                add  x0, x0, :lo12:far
                add  x1, x0, #:lo12:far + 4
                ldr  x2, [x0, :lo12:far]
                ldr  w2, [x0, #:lo12:far + 4]
                strb w2, [x0, #:lo12:far + 1]
                adr  x3, far
                adrp x4, :pg_hi21:far
                .data
                .space 0x12340
        far:    .quad 1
        """,
    "branches": """
        .equ    X, 8
        _start: b 2f
        1:      cbz x0, 1b
                tbnz w1, #3, 2f
        2:      b.ne _start
                beq 1b
                bl . + X
                b .
        """,
    "immediates": """
        .equ    X, 8
        add x0, x1, #X * 2 + 1
        add x0, x1, X, lsl #12
        mov w0, 'a'
        mov x1, #~0
        mov x2, #1 << 32
        and x3, x3, #~(1 << 4)
        ldr x4, [sp, #X * 2]
        stp x5, x6, [sp, #-(X * 2)]!
        movk x7, #0xffff & ~X, lsl #16
        """,
}


@pytest.mark.parametrize("name", SAME_AS_GNU)
def test_bytes_are_those_of_gnu_as(name, tmp_path):
    assert_as_gnu(SAME_AS_GNU[name], tmp_path)


@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("*.s")), ids=lambda path: path.name)
def test_the_examples_assemble_to_the_bytes_of_gnu_as(path, tmp_path):
    assert_as_gnu(path.read_text(), tmp_path)


@pytest.mark.parametrize("level", ["-O2", "-Os", "-O3"])
@pytest.mark.parametrize("name", ["lz", "printf", "queens", "sha256", "sort_search"])
def test_what_gcc_writes_assembles_to_the_bytes_of_gnu_as(name, level, tmp_path):
    """Whole C programs in one unit, without what a linker would have to sort or merge."""
    unit = "".join(f'#include "{PROGRAMS / part}"\n' for part in ("runtime/string.c", "runtime/io.c", f"{name}.c"))
    (tmp_path / "unit.c").write_text(f"{unit}void exit(int status) {{ for (;;) (void)status; }}")
    gnu_as.compile_c(
        tmp_path, level, "-fno-merge-constants", "-fno-reorder-functions", f"-I{PROGRAMS / 'runtime'}", "unit.c"
    )
    # The Arm ARM has no UXTW; GNU as takes it for MOV, LLVM and this assembler for UBFX, to the same effect.
    source = re.sub(r"uxtw\tx(\d+), w(\d+)", r"mov\tw\1, w\2", (tmp_path / "unit.s").read_text())
    assert_as_gnu(source, tmp_path)


def test_names_defined_by_later_names_are_evaluated_once():
    powers = [f"n{index} = {' + '.join([f'n{index + 1}'] * 16)}" for index in range(8)]
    image = assemble_source("\n".join([".quad n0", *powers, "n8 = 1"]))
    assert image.segments[0].data == (16**8).to_bytes(8, "little")


def test_layout_entry_and_symbols():
    image = assemble_source(
        """
        .equ CONSTANT, 5
        helper: .word 1, 2
        _start: .word 3
        .Lhidden: .byte 1
        .size _start, 4
        .bss
        buffer: .space 1 << 32
        """,
        base=0x4000_0000,
    )
    assert [(item.address, item.size, item.executable) for item in image.segments] == [
        (0x4000_0000, 13, True),
        (0x4000_0010, 1 << 32, False),
    ]
    assert dict(image.symbols) == {"helper": 0x4000_0000, "_start": 0x4000_0008, "buffer": 0x4000_0010}
    assert image.entry == 0x4000_0008
    assert image.locate(0x4000_0004) == ("helper", 4)
    assert image.locate(0x4000_000B) == ("_start", 3)
    assert image.locate(0x4000_000C) is None  # past the end of _start, which has a size
    assert image.locate(0x4000_0011) == ("buffer", 1)
    assert image.locate(0x3FFF_FFFF) is None


def test_without_start_the_entry_is_the_start_of_text():
    assert assemble_source("nothing:", base=BASE).entry == BASE


def test_data_in_code_is_known():
    image = assemble_source(".inst 0\n .word 1\n .byte 2\n .balign 4\n .inst 3\n .quad 4", base=BASE)
    assert (range(BASE + 4, BASE + 9), range(BASE + 16, BASE + 24)) == image.data
    assert [image.is_code(BASE + at) for at in (0, 4, 8, 12, 16)] == [True, False, False, True, False]


FORWARD_CHAIN = "\n".join([".word n0", *(f"n{index} = n{index + 1}" for index in range(100)), "n100 = 1"])
NESTED_CHAIN = "\n".join(
    [".word n0", *(f"n{index} = {'(' * 50}n{index + 1}{')' * 50}" for index in range(8)), "n8 = 1"]
)


OPERANDS = [
    ("mov w0, #0x84000008", "0x84000008 cannot be encoded here: load it with ldr <register>, =value", 9),
    ("mov sp, #0x12345", "0x12345 cannot be encoded here: load it with ldr <register>, =value", 9),
    ("and x0, x1, #5", "0x5 cannot be encoded here: put it into a register", 13),
    ("ldr x0, [x1, #3", "expected ']'", 16),
    ("ldr x0, [x1", "expected ']'", 12),
    ("ldr x0, x1", "expected '['", 9),
    ("ldr x0, nowhere", "undefined symbol 'nowhere'", 9),
    ("ldr x0, [x1, #-300]", "out of range: #-300 (want #-256 to #255)", 14),
    ("ldr x0, [x1, #40000]", "out of range: #40000 (want #0 to #32760)", 14),
    ("ldp w0, w1, [x2], #256", "out of range: #256 (want #-256 to #252)", 19),
    ("add x0, x1, w2", "the operands do not go together (sizes or registers differ)", 13),
    ("add x0, x1, x2, lsl #64", "out of range: #64 (want #0 to #63)", 17),
    ("add x0, x1, #5000", "0x1388 is not a 12-bit value, plain or shifted by 12", 13),
    ("lsl w0, w1, #33", "0x21 cannot be encoded here", 13),
    ("lsr w0, w1, #33", "0x21 cannot be encoded here", 13),
    ("asr x0, x1, #65", "0x41 cannot be encoded here", 13),
    ("ubfx w0, w1, #31, #2", "no such field in 32 bits", 14),
    ("ubfm w0, w1, #32, #0", "no such field in 32 bits", 14),
    ("sbfiz x0, x1, #0, #65", "no such field in 64 bits", 15),
    ("sbfiz x0, x1, #0, #66", "no such field in 64 bits", 15),
    ("ubfx x0, x1, #0, #0", "no such field in 64 bits", 14),
    ("bfi x0, x1, #64, #1", "no such field in 64 bits", 13),
    ("svc 0x10000", "out of range: #0x10000 (want #0 to #0xffff)", 5),
    ("tbz w0, #40, .", "a 32-bit register has no bit 40", 9),
    ("cset x0, al", "these operands cannot be encoded together", 12),
]


@pytest.mark.parametrize(
    ("source", "message", "column"),
    [
        ("frobnicate x0", "unknown instruction 'frobnicate'", 1),
        ("  add x0, x1, #1 << 30", "0x40000000 is not a 12-bit value, plain or shifted by 12", 15),
        ("add x0, x1, #nowhere", "undefined symbol 'nowhere'", 14),
        ("add x0, x1, #:got:_start", ":got: is not supported; :lo12:, :pg_hi21: are", 14),
        (".word nowhere + 1", "undefined symbol 'nowhere'", 7),
        (".space later\n later:", "symbol 'later' is not defined above, and its value is needed here", 8),
        (".space -1", "a size of -1 bytes", 8),
        (".space 1 << 40", "section .text would be larger than 0x8000000 bytes", 1),
        (".word 1f", "there is no label 1: below", 7),
        ("1: .word 2b", "there is no label 2: above", 10),
        ("same: word: same: .byte 1", "same is already defined in line 2", 13),
        ("same: .byte 1\n.equ same, 3", "same is a label, defined in line 2", 6),
        (".equ same, 3\nsame:", "same is already defined by .equ", 1),
        ("a = b\nb = a\n.word a", "'b' is defined by itself", 5),
        (FORWARD_CHAIN, "'n8' is at the end of more than 8 names defined by the next one", 7),
        (NESTED_CHAIN, "too deeply nested", 7),
        (".byte 256", "0x100 does not fit 8 bits", 7),
        (".byte 1,,2", "expected a value", 9),
        (".hword -32769", "-0x8001 does not fit 16 bits", 8),
        ('.ascii "no end', "this string does not end", 8),
        (".ascii bare", 'expected a string in double quotes, such as "text"', 8),
        ("/* no end", "this comment does not end", 1),
        (".balign 3", "3 is not a power of two up to 65536", 9),
        (".align 32", ".align takes a power of two, 0 to 16; .balign takes bytes", 8),
        (".balign", ".balign takes 1 to 3 arguments, not 0", 1),
        (".ltorg 5", ".ltorg takes 0 arguments, not 1", 1),
        (".macro m", ".macro is not a directive this assembler knows", 1),
        (".text 1", "subsections are not supported: write .text alone", 7),
        (".equ 5, 6", "expected a symbol name", 6),
        (". = . + 4", "'.' cannot be assigned: use .balign or .space", 1),
        (".byte 1 ; .inst 0", "an instruction has to be at a multiple of 4: put .balign 4 before it", 11),
        (".bss\n.word 1", "section .bss holds zeros only: put .data before this", 1),
        (".bss\n.inst 0", "section .bss holds zeros only: put .text before instructions", 1),
        ("ldr q0, =1", "expected a register, found 'q0'", 5),
        ("ldr w0, =1 << 32", "0x100000000 does not fit 32 bits", 10),
        (".word sp", "'sp' is a register; expected a value", 7),
        *OPERANDS,
    ],
)
def test_errors(source, message, column):
    with pytest.raises(SourceError) as caught:
        assemble_source(f"_start:\n{source}", filename="bad.s")
    first = caught.value.diagnostics[0]
    expected_line = next(number for number, line in enumerate(source.split("\n"), 2) if line == first.source)
    assert ("bad.s", expected_line, column, message) == (first.filename, first.line, first.column, first.message)
    assert str(first).startswith(f"bad.s:{expected_line}:{column}: {message}\n    {first.source.rstrip()}\n")


def test_every_error_of_a_source_is_told_with_its_place():
    with pytest.raises(SourceError) as caught:
        assemble_source(".byte 1, 300\n\n\tfrob x0 // why\n.word y\n", filename="three.s")
    assert str(caught.value).split("\n") == [
        "three.s:1:10: 0x12c does not fit 8 bits",
        "    .byte 1, 300",
        "             ^",
        "three.s:3:2: an instruction has to be at a multiple of 4: put .balign 4 before it",
        "    \tfrob x0 // why",
        "    \t^",
        "three.s:4:7: undefined symbol 'y'",
        "    .word y",
        "          ^",
    ]


def test_twenty_errors_are_enough():
    with pytest.raises(SourceError) as caught:
        assemble_source(".bad\n" * 50)
    assert (len(caught.value.diagnostics), caught.value.more) == (20, 30)
    assert str(caught.value).endswith("... and 30 more")


def test_preprocessor_lines_are_refused_where_a_preprocessor_is_expected():
    source = '#include "x.h"\n# a comment\n.byte 1'
    assert assemble_source(source, filename="x.s").segments[0].data == b"\1"
    with pytest.raises(SourceError, match=r"x\.S:1:1: #include is for the C preprocessor"):
        assemble_source(source, filename="x.S")


def diagnostics(source):
    """The errors of a source, () if it assembles; any other exception is a defect."""
    try:
        assemble_source(source)
    except SourceError as error:
        return error.diagnostics
    return ()


TOKENS = r"""
_start : 1 1b 1f , .word .byte .ascii .equ .set .space .balign .section .bss .text .size .comm .ltorg .inst = ==
add ldr x0 w1 sp # #4 [ ] ! ( ) + - * / << 'a' ' " "s" \ // /* */ ; :lo12: -1 0x10 99999999999999999999 ~ . \0 é
"""


@given(st.lists(st.sampled_from([*TOKENS.split(), "\n", "\0"]), max_size=30).map(" ".join))
def test_any_text_assembles_or_is_an_error_with_a_place(text):
    lines = text.split("\n")
    for item in diagnostics(text):
        assert 1 <= item.line <= len(lines)
        assert 1 <= item.column <= len(lines[item.line - 1]) + 1


@given(st.text(max_size=100))
def test_any_characters_assemble_or_are_an_error(text):
    assert len(diagnostics(text)) <= 20
