"""What a prompt and a notebook show: registers, decoded instructions, traces, hits and their stories."""

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aarch64 import Machine, assemble_source, decode
from aarch64.notebook import Registers, Strong, table
from aarch64.trace import traced
from kprobes import V15, Kprobe, Kprobes
from kprobes.arch.player import Player
from kprobes.tracing import Tracer

SOURCE = """
_start: msr     daifclr, #8
        ldr     x0, =0x40100000
        mov     sp, x0
        mov     x0, #6
        bl      square
        svc     #1
square: mul     x0, x0, x0
        str     x0, [sp]
        ret
"""
SQUARE = 0x4000_0018


class Tables(HTMLParser):
    """Reads tables: rows of cells, what stands out, all tags and attributes; refuses what is not well-formed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.bold: list[str] = []
        self.caption = ""
        self.attributes: set[str] = set()
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        assert tag in ("table", "caption", "tr", "th", "td", "b")
        self.attributes |= {name for name, _ in attrs}
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if "caption" in self._open:
            self.caption += data
        elif self._open[-1:] == ["table"]:
            assert not data.strip()
        elif data.strip() or self._open:
            self.rows[-1][-1] += data
            if self._open[-1] == "b":
                self.bold.append(data)


def shown(value):
    tables = Tables(value._repr_html_())
    assert tables.attributes == {"style"}
    return tables


def load():
    machine = Machine()
    machine.load(assemble_source(SOURCE, filename="guest.s"))
    return machine


def told(spec="p square $arg1"):
    """The hits that were recorded, and the story of the first."""
    machine, hits = load(), []
    kprobes = Kprobes(machine, V15)
    event = Tracer(kprobes, hits.append).define(spec)
    return hits, Player(kprobes, event.probe, lambda until: machine.run(100, until=until)).hit(1)


_TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1, max_size=8)


@settings(max_examples=50)
@given(st.lists(st.tuples(_TEXTS, _TEXTS), min_size=1, max_size=3), st.text("<&>\"'a", max_size=6))
def test_whatever_is_in_a_table_can_be_read_back(rows, caption):
    tables = Tables(table(("<one>", "&two"), rows, caption))
    assert [["<one>", "&two"], *map(list, rows)] == tables.rows
    assert caption == tables.caption


def test_what_has_changed_stands_out():
    tables = Tables(table((), [("a", Strong("<b>")), ("c", "d")]))
    assert (["<b>"], [["a", "<b>"], ["c", "d"]]) == (tables.bold, tables.rows)


REGISTERS = """\
 x0 0000000000000024   x1 0000000000000000   x2 0000000000000000   x3 0000000000000000
 x4 0000000000000000   x5 0000000000000000   x6 0000000000000000   x7 0000000000000000
 x8 0000000000000000   x9 0000000000000000  x10 0000000000000000  x11 0000000000000000
x12 0000000000000000  x13 0000000000000000  x14 0000000000000000  x15 0000000000000000
x16 0000000000000000  x17 0000000000000000  x18 0000000000000000  x19 0000000000000000
x20 0000000000000000  x21 0000000000000000  x22 0000000000000000  x23 0000000000000000
x24 0000000000000000  x25 0000000000000000  x26 0000000000000000  x27 0000000000000000
x28 0000000000000000  x29 0000000000000000  x30 0000000040000014   sp 0000000040100000
 pc 000000004000001c  EL1h ---- -AIF"""


def test_registers():
    machine = load()
    machine.run(max_cycles=6)
    registers = machine.registers
    assert REGISTERS == repr(registers)
    rows = shown(registers).rows
    assert ["x0", "0x24", "x1", "0x0", "x2", "0x0", "x3", "0x0"] == rows[0]
    assert [["pc", "0x4000001c"], ["PSTATE", "EL1h ---- -AIF"]] == rows[-2:]
    machine.run(max_cycles=1)
    assert registers.pc + 4 == machine.registers.pc  # what was looked at has not changed


def test_the_registers_of_a_handler_and_of_a_moment():
    machine, seen = load(), []
    kprobes = Kprobes(machine, V15)
    kprobes.register(Kprobe("square", pre_handler=lambda _, regs: seen.append((repr(regs), regs._repr_html_()))))
    machine.run(max_cycles=10)
    ((text, html),) = seen
    values = told()[1].moments[0].registers
    assert repr(values) == text == repr(Registers(values.x, values.sp, values.pc, values.pstate))
    assert values._repr_html_() == html
    assert text.endswith(f" pc {SQUARE:016x}  EL1h ---- -AIF")


@pytest.mark.parametrize(
    ("word", "text", "rows"),
    [
        (0x8B010C00, "<Decoded 0x8b010c00 add x0, x0, x1, lsl #3: ADD (shifted register)>", [
            ["sf", "31", "1", "1", "x0, x1"], ["shift", "23:22", "00", "0", "lsl #3"],
            ["rm", "20:16", "00001", "1", "x1"], ["imm6", "15:10", "000011", "3", "lsl #3"],
            ["rn", "9:5", "00000", "0", "x0"], ["rd", "4:0", "00000", "0", "x0"],
        ]),
        (0x54FFFFE1, "<Decoded 0x54ffffe1 b.ne #-4: B.cond>", [
            ["imm19", "23:5", "1111111111111111111", "-1", "#-4"], ["cond", "3:0", "0001", "1", "ne"],
        ]),
        (0xD503201F, "<Decoded 0xd503201f nop: NOP>", []),
    ],
    ids=["ADD", "B.cond", "NOP"],
)  # fmt: skip
def test_a_decoded_instruction(word, text, rows):
    decoded = decode(word)
    assert text == repr(decoded)
    tables = shown(decoded)
    assert [["field", "bits", "binary", "value", "meaning"], *rows] == tables.rows
    assert tables.caption in text


def test_a_trace():
    machine = load()
    machine.run(max_cycles=4)
    with traced(machine.cpu) as lines:
        machine.run(max_cycles=5)
    assert not machine.cpu.observers
    assert (5 + 1, "\n".join(lines)) == (len(lines), repr(lines))
    assert "4 EL1h 0x0000000040000010 94000002 bl 0x40000018 | x30=0x40000014" == next(iter(lines))
    cells = shown(lines).rows
    assert ["cycle", "mode", "pc", "word", "instruction", "changes"] == cells[0]
    assert ["4", "EL1h", "0x0000000040000010", "94000002", "bl 0x40000018", "x30=0x40000014"] == cells[1]
    assert ["7", "EL1h", "0x0000000040000020", "d65f03c0", "ret", ""] == cells[4]
    *taken, changes = cells[6]
    assert ["8", "EL1h", "", "", "exception SVC #0x1: EL1 -> EL1"] == taken
    assert changes.startswith("vector=0x0000000000000200 elr=0x0000000040000018 spsr=")


def test_a_trace_of_what_fails_is_kept():
    machine = load()

    def run():
        with traced(machine.cpu) as lines:
            kept.append(lines)
            machine.run(max_cycles=2)
            raise KeyError

    kept = []
    with pytest.raises(KeyError):
        run()
    assert 2 == len(kept[0])
    assert not machine.cpu.observers


def test_a_hit():
    (hit, *_), _ = told()
    assert f"<Hit 6 kprobes/p_square_0 {SQUARE:#x} arg1=0x6>" == repr(hit)
    assert [["event", "kprobes/p_square_0"], ["cycle", "6"], ["pc", f"{SQUARE:#x}"], ["arg1", "0x6"]] == shown(hit).rows


def test_a_hit_of_a_return():
    (hit, *_), _ = told("r:back square $retval")
    assert f"kprobes/back 0x40000014 <- {SQUARE:#x} arg1=0x24>" == repr(hit).partition(" ")[2].partition(" ")[2]
    assert ["returns to", "0x40000014"] in shown(hit).rows


def test_a_story():
    _, story = told()
    lines = repr(story).splitlines()
    assert [repr(moment) for moment in story.moments] == lines
    assert "     5  before the probe            PSTATE D=0 I=1 SS=0; MDSCR_EL1 SS=0 KDE=0 MDE=0" == lines[0]
    tables = shown(story)
    headings = [
        "cycle", "moment", "PSTATE D", "PSTATE I", "PSTATE SS", "saved D", "saved I", "saved SS", "MDSCR_EL1 SS",
        "MDSCR_EL1 KDE", "MDSCR_EL1 MDE", "at", "why",
    ]  # fmt: skip
    assert headings == tables.rows[0]
    assert len(story.moments) == len(tables.rows) - 1
    by_title = {row[1]: row for row in tables.rows[1:]}
    slot = by_title["returned to the slot"]
    assert ["0", "1", "1", "-", "-", "-", "1", "1", "1"] == slot[2:11]
    assert all(moment.why == row[-1] for moment, row in zip(story.moments, tables.rows[1:], strict=True))


def test_bits_that_have_changed_stand_out():
    _, story = told()
    enabled = [moment.key for moment in story.moments].index("step_enabled")
    part = type(story)(story.moments[enabled - 1 : enabled + 1], "nothing")
    tables = shown(part)
    assert (["1", "1", "1", "1"], "the run ended: nothing") == (tables.bold, tables.caption)
    assert repr(part).endswith("\nthe run ended: nothing")


def test_a_moment():
    _, story = told()
    (taken,) = [moment for moment in story.moments if moment.key == "brk_taken"]
    rows = dict(shown(taken).rows)
    assert {"cycle", "moment", "bits", "at", "syndrome", "why", "source"} == set(rows)
    assert ("BRK taken", f"{SQUARE:#x}", "BRK #0x4", taken.why) == tuple(
        rows[name] for name in ("moment", "at", "syndrome", "why")
    )
    assert "mul x0, x0, x0" == dict(shown(story.moments[0]).rows)["instruction"]
