"""The strip (`kprobes/README.md`): the bits that decide whether a step is taken, moment by moment along one hit.

CPU is the live PSTATE; R is the saved one, which the exception return will load; SS is PSTATE.SS, MDSCR its SS bit.
What is between two cycles is read off the CPU; what is within an exception is reported by the engine.
"""

import pytest

from aarch64.machine import RETURN_ADDRESS
from kprobes import V4_8, V5_10, V7_2, V15
from kprobes.pt_regs import DAIF
from kprobes.reports import Moment, MomentReport
from tests.kprobes.guest import STEPPING, D, I, make, of

SOURCE = """
square: mul     x0, x0, x0
        ret
helper: add     x0, x0, #1
        ret
"""
BRK_ENDS_IT = (V5_10, V7_2)

STEPPED = """
moment          CPU.D CPU.I  R.D R.I R.SS  SS  MDSCR KDE MDE
before            0     i     -   -   -     0    0    0   0
BRK_TAKEN         1     1     0   i   0     0    0    0   0
PRE_HANDLER       1     1     0   i   0     0    0    0   0
CONTEXT_SET       1     1     0   i   0     0    0    0   0
MASKED            1     1     0   1   0     0    0    0   0
STEP_ENABLED      1     1     0   1   1     0    1    1   1
SLOT_ENTERED      1     1     0   1   1     0    1    1   1
in-the-slot       0     1     -   -   -     1    1    1   1
executed          0     1     -   -   -     0    1    1   1
STEP_TAKEN        1     1     0   1   0     0    1    1   1
UNMASKED          1     1     0   i   0     0    1    1   1
STEP_DISABLED     1     1     0   i   0     0    0    0   0
PC_RESTORED       1     1     0   i   0     0    0    0   0
POST_HANDLER      1     1     0   i   0     0    0    0   0
after             0     i     -   -   -     0    0    0   0
"""
"""V15 and V4_8: a first hit. `i` is PSTATE.I of the probed code."""

STEPPED_WITHIN = """
moment          CPU.D CPU.I  R.D R.I R.SS  SS  MDSCR KDE MDE
before            1     1     -   -   -     0    0    0   0
BRK_TAKEN         1     1     1   1   0     0    0    0   0
CONTEXT_SET       1     1     1   1   0     0    0    0   0
DEBUG_UNMASKED    1     1     0   1   0     0    0    0   0
MASKED            1     1     0   1   0     0    0    0   0
STEP_ENABLED      1     1     0   1   1     0    1    1   1
SLOT_ENTERED      1     1     0   1   1     0    1    1   1
in-the-slot       0     1     -   -   -     1    1    1   1
executed          0     1     -   -   -     0    1    1   1
STEP_TAKEN        1     1     0   1   0     0    1    1   1
UNMASKED          1     1     0   1   0     0    1    1   1
STEP_DISABLED     1     1     0   1   0     0    0    0   0
DEBUG_MASKED      1     1     1   1   0     0    0    0   0
PC_RESTORED       1     1     1   1   0     0    0    0   0
after             1     1     -   -   -     0    0    0   0
"""
"""Likewise: a hit within a hit, whose probed code is a handler."""

ENDED_BY_BRK = """
moment          CPU.D CPU.I  R.D R.I R.SS  SS  MDSCR KDE MDE
before            d     i     -   -   -     0    0    0   0
BRK_TAKEN         1     1     d   i   0     0    0    0   0
PRE_HANDLER       1     1     d   i   0     0    0    0   0
CONTEXT_SET       1     1     d   i   0     0    0    0   0
MASKED            1     1     1   1   0     0    0    0   0
SLOT_ENTERED      1     1     1   1   0     0    0    0   0
in-the-slot       1     1     -   -   -     0    0    0   0
executed          1     1     -   -   -     0    0    0   0
SLOT_BRK_TAKEN    1     1     1   1   0     0    0    0   0
UNMASKED          1     1     d   i   0     0    0    0   0
PC_RESTORED       1     1     d   i   0     0    0    0   0
POST_HANDLER      1     1     d   i   0     0    0    0   0
after             d     i     -   -   -     0    0    0   0
"""
"""V5_10, and V7_2 without CONTEXT_SET: a first hit."""

ENDED_BY_BRK_WITHIN = """
moment          CPU.D CPU.I  R.D R.I R.SS  SS  MDSCR KDE MDE
before            1     1     -   -   -     0    0    0   0
BRK_TAKEN         1     1     1   1   0     0    0    0   0
CONTEXT_SET       1     1     1   1   0     0    0    0   0
MASKED            1     1     1   1   0     0    0    0   0
SLOT_ENTERED      1     1     1   1   0     0    0    0   0
in-the-slot       1     1     -   -   -     0    0    0   0
executed          1     1     -   -   -     0    0    0   0
SLOT_BRK_TAKEN    1     1     1   1   0     0    0    0   0
UNMASKED          1     1     1   1   0     0    0    0   0
PC_RESTORED       1     1     1   1   0     0    0    0   0
after             1     1     -   -   -     0    0    0   0
"""


def expected(table: str, kernel, *, d: int = 0, i: int = 0) -> list[list[str]]:
    """The rows of a table, where `d` and `i` are the masks of the probed code."""
    rows = [line.split() for line in table.strip().splitlines()[1:]]
    return [
        [row[0], *({"d": str(d), "i": str(i)}.get(cell, cell) for cell in row[1:])]
        for row in rows
        if (kernel, row[0]) != (V7_2, "CONTEXT_SET")
    ]


def cells(strip) -> list[str]:
    values = (strip.d, strip.i, strip.r_d, strip.r_i, strip.r_ss, strip.ss, strip.mdscr_ss, strip.kde, strip.mde)
    return ["-" if value is None else str(value) for value in values]


class Film:
    """The strip of one hit after the other, as it is taken."""

    def __init__(self, guest) -> None:
        self.guest = guest
        self.rows: list[list[str]] = []
        guest.kprobes.engine.watchers.append(self._watch)

    def _watch(self, report) -> None:
        if isinstance(report, MomentReport):
            self.rows.append([report.moment.name, *cells(report.strip)])

    def live(self, name: str) -> None:
        self.rows.append([name, *cells(self.guest.kprobes.engine.host.strip(None))])

    def of_a_hit(self) -> None:
        """The cycles of a hit that is to come next."""
        self.live("before")
        for name in ("in-the-slot", "executed", "after"):
            self.guest.machine.step()
            self.live(name)


def test_every_moment_is_in_a_table():
    tables = STEPPED + STEPPED_WITHIN + ENDED_BY_BRK
    elsewhere = {Moment.SIMULATED, Moment.REWOUND}
    assert {moment for moment in Moment if moment.name in tables} == set(Moment) - elsewhere


@pytest.mark.parametrize("kernel", STEPPING, ids=of)
@pytest.mark.parametrize("i", [0, 1])
def test_a_first_hit_is_stepped(kernel, i):
    guest = make(kernel, SOURCE, daif=I * i)
    guest.probe("square", pre_handler=lambda *_: 0, post_handler=lambda *_: 0)
    guest.begin("square", 5)
    film = Film(guest)
    film.of_a_hit()
    assert expected(STEPPED, kernel, i=i) == film.rows
    assert [] == guest.messages


@pytest.mark.parametrize("kernel", BRK_ENDS_IT, ids=of)
@pytest.mark.parametrize(("d", "i"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_first_hit_is_ended_by_brk(kernel, d, i):
    guest = make(kernel, SOURCE, daif=D * d | I * i)
    guest.probe("square", pre_handler=lambda *_: 0, post_handler=lambda *_: 0)
    guest.begin("square", 5)
    film = Film(guest)
    film.of_a_hit()
    assert expected(ENDED_BY_BRK, kernel, d=d, i=i) == film.rows


@pytest.mark.parametrize(
    ("kernel", "table"),
    [(V15, STEPPED_WITHIN), (V4_8, STEPPED_WITHIN), (V5_10, ENDED_BY_BRK_WITHIN), (V7_2, ENDED_BY_BRK_WITHIN)],
    ids=of,
)
def test_a_hit_within_a_hit(kernel, table):
    guest = make(kernel, SOURCE)
    film = Film(guest)

    def call_helper(_probe, _regs):
        guest.begin("helper", 10)
        film.rows.clear()
        film.of_a_hit()
        within.extend(film.rows)
        while guest.cpu.pc != RETURN_ADDRESS:
            guest.step()

    within: list[list[str]] = []
    guest.probe("square", pre_handler=call_helper)
    guest.probe("helper")
    assert 25 == guest.call("square", 5)
    assert expected(table, kernel) == within
    assert 0 == guest.cpu.pstate.daif


@pytest.mark.parametrize("kernel", BRK_ENDS_IT, ids=of)
@pytest.mark.parametrize("daif", range(16))
def test_all_masks_are_set_in_the_slot_since_v5_10(kernel, daif):
    guest = make(kernel, SOURCE, daif=daif)
    guest.probe("square")
    guest.begin("square", 5)
    guest.until(2)
    assert 0b1111 == guest.cpu.pstate.daif
    assert DAIF == guest.seen(Moment.SLOT_ENTERED)[0].pstate & DAIF
    guest.until(6)
    assert daif == guest.cpu.pstate.daif


@pytest.mark.parametrize("kernel", STEPPING, ids=of)
@pytest.mark.parametrize("daif", range(8))
def test_only_interrupts_are_masked_in_the_slot_before(kernel, daif):
    guest = make(kernel, SOURCE, daif=daif)
    guest.probe("square")
    guest.begin("square", 5)
    guest.until(2)
    assert daif | I == guest.cpu.pstate.daif
    guest.until(6)
    assert daif == guest.cpu.pstate.daif


def test_what_is_simulated_changes_no_mask_and_needs_no_step():
    guest = make(V4_8, "skips: b there\nthere: ret\n", daif=I)
    guest.probe("skips")
    guest.begin("skips")
    film = Film(guest)
    film.live("before")
    guest.step()
    film.live("after")
    names = [row[0] for row in film.rows]
    assert ["before", "BRK_TAKEN", "PRE_HANDLER", "SIMULATED", "after"] == names
    assert film.rows[0][1:] == film.rows[-1][1:]
    assert {("0", "1", "0")} == {tuple(row[3:6]) for row in film.rows[1:-1]}
