"""The audit: cases that are kept in files, cases made small, what is found of each kernel, and what that is called."""

import json
import random
import re

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aarch64.isa.table import assemble, decode
from aarch64.sampling import IMPLEMENTED
from kprobes import STRICT, V4_8, V5_10, V7_2, V15
from kprobes.audit.bench import Bench
from kprobes.audit.case import CODE, EL1H, NO_TRAPS, VECTORS, Case, CaseError
from kprobes.audit.drawing import detail_of, draw_case
from kprobes.audit.known import FINDINGS
from kprobes.audit.law import Comparison, Law, check
from kprobes.audit.report import Needless, state_text
from kprobes.audit.search import Audit
from kprobes.audit.shrinking import complexity, shrink, variants
from kprobes.audit.telling import Symptom, sentence, symptoms_of
from kprobes.linux_rules import BL
from kprobes.pt_regs import D
from kprobes.rules import Clause, Rule, Verdict, Words
from tests.kprobes.guest import KERNELS
from tests.kprobes.readme import AUDITS, audit_of, shown_rows

drawn_cases = st.builds(
    lambda definition, seed: draw_case(random.Random(seed), definition), st.sampled_from(IMPLEMENTED), st.integers(0)
)


def definitions(*titles):
    return [definition for definition in IMPLEMENTED if definition.title in titles]


# --- what is found


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_what_is_found_of_a_kernel_is_what_the_page_says_and_all_that_is_known(kernel):
    """If the page says something else: python -m tests.kprobes.readme."""
    audit = audit_of(kernel)
    for name, (_, rows_of) in AUDITS.items():
        assert set(rows_of(audit)) == shown_rows(name, kernel.name)
    assert {item.finding for item in audit.breaks} == {item for item in FINDINGS if kernel.name in item.kernels}
    law = Law(kernel)
    for item in audit.breaks:
        outcome = law.check(item.case)
        assert sentence(outcome.rest) == item.what
        assert set(outcome.unexplained) == set(item.differs)
        assert outcome.judgement.verdict is item.verdict
    assert json.loads(json.dumps([item.as_json() for item in audit.breaks]))


def test_of_ours_nothing_is_found():
    audit = Audit(STRICT, cases=0).run()
    assert audit.is_complete
    assert audit.tried > 1500
    assert (audit.breaks, audit.engine, audit.needless) == ([], [], [])


def with_clause(kernel, clause):
    decode_rules = attrs.evolve(kernel.decode, clauses=(clause, *kernel.decode.clauses))
    return attrs.evolve(kernel, decode=decode_rules)


def test_a_rule_that_is_wrong_is_found_with_the_smallest_case():
    wrong = with_clause(V15, Clause(Verdict.SLOT, Rule("planted", "BL is taken for no branch", "nobody"), (BL,)))
    found = Audit(wrong, definitions=definitions("ADD (immediate)", "BL")).run().breaks
    assert {(item.which, item.rule.name, item.finding) for item in found} == {("BL", "planted", None)}
    smallest = {
        "new-exception": Case(assemble("bl 0x40040008", CODE)),
        "result": Case(assemble("bl 0x40040004", CODE)),
        "astray": Case(assemble("bl 0x40040000", CODE)),
    }
    assert all(item.case == smallest[item.name] for item in found)
    (of_exception,) = (item.what for item in found if item.name == "new-exception")
    assert of_exception == (
        "executed in the slot: it ends with an undefined instruction, ELR_EL1 0x40101008, instead of going on at "
        "0x40040008; stepping stays on (MDSCR_EL1.SS); x30 is 0x40101004 (behind the slot) instead of 0x40040004 (the "
        "next instruction)"
    )
    assert Audit(V15, definitions=definitions("ADD (immediate)", "BL")).run().breaks == []


def test_a_rule_that_is_needless_is_found_and_one_that_is_not_is_not():
    searched = definitions("RBIT", "WFET", "MADD")
    words = Words(0x7FFF_FC00, assemble("rbit w0, w0")), Words(0xFFFF_FFE0, assemble("wfet x0"))
    rule = Rule("planted", "nobody knows why", "nobody")
    refusing = with_clause(V7_2, Clause(Verdict.REJECT, rule, words))
    (found,) = Audit(refusing, cases=2, definitions=searched).run().needless
    assert found == Needless("RBIT", False, rule, Verdict.SLOT, 5, found.effects)
    assert [effect.label for effect in found.effects] == ["slot-landing"]


def test_a_search_that_is_left_has_what_it_found_till_then():
    audit = Audit(V4_8, cases=0, definitions=definitions("B", "BL", "BR"))
    next(audit.search())
    assert (audit.searched, audit.is_complete) == (1, False)
    assert {item.title for item in audit.breaks} == {"B"}


def test_another_seed_draws_other_cases_and_the_same_seed_the_same():
    def cases(seed):
        audit = Audit(V15, seed=seed, cases=3, definitions=definitions("LDR (immediate)"))
        return list(audit.drawn(audit.definitions[0]))

    assert cases(0) == cases(0)
    assert cases(0) != cases(1)


def test_more_cases_begin_with_those_of_fewer():
    few, many = (Audit(V15, cases=count, definitions=definitions("ADR")) for count in (2, 5))
    first, all_of_them = list(few.drawn(few.definitions[0])), list(many.drawn(many.definitions[0]))
    assert all_of_them[: len(first)] == first
    assert len(all_of_them) == len(first) + 3


# --- the fields that decide


@pytest.mark.parametrize(
    ("kernel", "title", "which"),
    [
        (V5_10, "LDR (literal)", {"LDR (literal)", "LDR (literal): sf 0"}),
        (V15, "MRS", {"MRS: ELR_EL1", "MRS: SPSR_EL1", "MRS: ESR_EL1", "MRS: MDSCR_EL1"}),
        (V7_2, "BR", {"BR"}),
    ],
    ids=["a width", "registers", "all of it"],
)
def test_which_encodings_of_a_definition_break_the_law(kernel, title, which):
    assert {item.which for item in Audit(kernel, cases=0, definitions=definitions(title)).run().breaks} == which


# --- sentences


@pytest.mark.parametrize(
    ("kernel", "text", "state", "symptoms", "told"),
    [
        (
            V15, "mrs x3, elr_el1", {},
            [Symptom.RESULT], "executed in the slot: x3 is 0x40101000 (the slot) instead of 0x0",
        ),
        (
            V15, "wfet x0", {"x": (1 << 40, *(0,) * 30)},
            [Symptom.WAITING], "executed in the slot: it does not wait",
        ),
        (
            V5_10, "b 0x40040000", {"pstate": EL1H | 1 << 10},
            [Symptom.PSTATE], "simulated: PSTATE.BTYPE is 0x1 instead of 0x0",
        ),
        (
            V7_2, "nop", {"pstate": EL1H | 2 << 10, "translates": True, "guarded": True},
            [Symptom.MISSED_EXCEPTION],
            (
                "simulated: it goes on at 0x40041004 (the next instruction) instead of ending with a branch target "
                "exception, BTYPE 10"
            ),
        ),
        (
            V15, "bc.al 0x40040100", {},
            [Symptom.NEW_EXCEPTION, Symptom.STEPPING],
            (
                "executed in the slot: it ends with an undefined instruction, ELR_EL1 0x40101100, instead of going "
                "on at 0x40040100; stepping stays on (MDSCR_EL1.SS)"
            ),
        ),
        (
            V4_8, "bc.al 0x40040000", {},
            [Symptom.ASTRAY, Symptom.STEPPING, Symptom.PSTATE],
            (
                "executed in the slot: it goes on at 0x40101000 (the slot) instead of 0x40040000 (the probed address); "
                "stepping stays on (MDSCR_EL1.SS); PSTATE.I is 0x1 instead of 0x0"
            ),
        ),
        (
            V5_10, "ldr w0, 0x4000affc", {"translates": True},
            [Symptom.NEW_EXCEPTION, Symptom.RESULT],
            (
                "simulated: it ends with a data abort, read, access flag fault, level 3 at 0x4000b000, ELR_EL1 "
                "0x40040000 (the probed address), instead of going on at 0x40040004 (the next "
                "instruction); x0 is 0x0 instead of 0xfffefdfc"
            ),
        ),
        (
            V5_10, "ldr w0, 0x40024ffc", {"translates": True},
            [Symptom.SYSTEM], "simulated: tlb is 3 entries instead of 2 entries",
        ),
        (V5_10, "add x0, x0, #1", {"pstate": EL1H | D}, [], ""),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 20 else "",
)  # fmt: skip
def test_a_difference_in_a_sentence(kernel, text, state, symptoms, told):
    rest = Law(kernel).check(attrs.evolve(Case(assemble(text, CODE)), **state)).rest
    assert (symptoms_of(rest), sentence(rest)) == (symptoms, told)


@pytest.mark.parametrize(("text", "pc"), [("add x0, x0, #1", CODE), ("udf #0", VECTORS + 0x400)])
def test_whatever_differs_is_a_symptom_and_told(text, pc):
    case = Case(assemble(text))
    seen = Bench().run(case)
    for name in seen:
        other = {"pc": pc, "PSTATE.el": 2}.get(name, 0x1234)
        compared = Comparison(case, None, seen, {**seen, name: other})
        assert compared.differences.keys() == {name}
        assert symptoms_of(compared), name
        assert re.fullmatch(r"simulated: .+", sentence(compared)), name


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({}, ""),
        ({"pstate": 0x04}, "SP=0"),
        ({"pstate": EL1H | D | 1 << 30 | 1 << 29 | 3 << 10, "translates": True}, "ZC, D=1, BTYPE=3, MMU on"),
        ({"x": (0, 5, *(0,) * 29), "unaligned": False, "sp": 0x10}, "no unaligned accesses, x1=0x5, sp=0x10"),
        ({"guarded": True, "sctlr": 2, "hcr": 0}, "guarded page, bits 0x2 of SCTLR_EL1, HCR_EL2=0x0"),
    ],
)
def test_a_state_in_words(state, told):
    assert state_text(attrs.evolve(Case(assemble("nop")), **state)) == told


@pytest.mark.parametrize(
    ("text", "detail"),
    [("mrs x0, elr_el1", "ELR_EL1"), ("mrs x0, s3_7_c15_c1_1", "S3_7_C15_C1_1"), ("ic ivau, x0", "ic ivau"),
     ("sysl x0, #7, c15, c15, #7", "an operation that there is not"), ("add x0, x0, x0", "")],
)  # fmt: skip
def test_what_of_a_definition_a_word_does(text, detail):
    assert detail_of(assemble(text)) == detail


# --- one case


def test_a_case_is_checked_for_a_profile():
    case = Case(assemble("mrs x0, elr_el1"))
    assert check(V4_8, case) == {"x0": (0x4010_1000, 0)}
    assert not check(V4_8, Case(assemble("mrs x0, sctlr_el1")))


@given(drawn_cases)
def test_a_case_comes_back_from_a_file(case):
    assert Case.from_json(json.loads(json.dumps(case.as_json()))) == case


@pytest.mark.parametrize(
    ("stored", "message"),
    [
        ({"x0": "0x1"}, "a case needs the word of its instruction: give word"),
        ({"word": "nop"}, "word of a case is a number of 32 bits, not 'nop'"),
        ({"word": 1 << 32}, "word of a case is a number of 32 bits, not 4294967296"),
        ({"word": "0xd503201f", "x3": -1}, "x3 of a case is a number of 64 bits, not -1"),
        ({"word": "0xd503201f", "x31": "0x0"}, "a case has no x31"),
        ({"word": "0xd503201f", "x": [1]}, "a case has no x"),
        ({"word": "0xd503201f", "colour": 1, "age": 2}, "a case has no age, colour"),
        ({"word": "0xd503201f", "guarded": 1}, "guarded of a case is true or false, not 1"),
        ({"word": "0xd503201f", "sp": None}, "sp of a case is a number of 64 bits, not None"),
        ({"word": "0xd503201f", "pstate": "0x3c0"}, "pstate of a case is one of EL1 (mode 0x4 or 0x5), not 0x3c0"),
    ],
)
def test_what_is_no_case(stored, message):
    with pytest.raises(CaseError) as caught:
        Case.from_json(stored)
    assert message == str(caught.value)


# --- made small

FAILURES = {
    "always": lambda _case: True,
    "a register": lambda case: case.x[17] & 0xFF00 != 0,
    "two registers": lambda case: case.x[3] > case.x[4],
    "a bit of PSTATE": lambda case: case.pstate >> 31 & 1 == 0 and case.masks_debug,
    "the MMU, a trap": lambda case: case.translates or case.hcr != NO_TRAPS,
    "a field": lambda case: case.word >> 5 & 7 == 5,
}


@given(drawn_cases, st.sampled_from(sorted(FAILURES)))
def test_a_small_case_still_fails_is_not_greater_and_gets_no_smaller(case, name):
    fails = FAILURES[name]
    if not fails(case):
        return
    small = shrink(case, fails)
    assert fails(small)
    assert complexity(small) <= complexity(case)
    assert decode(small.word).definition is decode(case.word).definition
    assert shrink(small, fails) == small


@pytest.mark.parametrize(
    ("text", "fails", "small", "state"),
    [
        ("add x5, x6, x7, lsl #9", lambda _case: True, "add w0, w0, w0", ""),
        ("add x5, x6, x7", lambda case: max(case.x) > 1, "add w0, w0, w0", "x6=0x40008800"),
        ("b 0x40001000", lambda case: case.word & 0x3FF_FFFF != 0, "b 0x40040004", ""),
        ("ldr x9, [x8]", lambda case: case.translates, "ldr x0, [x0]", "MMU on"),
    ],
)
def test_how_small_a_case_gets(text, fails, small, state):
    registers = tuple(0x1234_0000 if number == 6 else number % 2 for number in range(31))
    case = Case(assemble(text, CODE), x=registers, sp=0x77, pstate=EL1H | 0xF << 28 | D, translates=True, sctlr=2)
    found = shrink(case, fails)
    assert (found.text, state_text(found)) == (small, state)


def test_a_register_takes_its_value_along_when_it_gets_another_number():
    case = Case(assemble("mov x20, x21"), x=tuple(7 if number == 21 else 0 for number in range(31)))
    small = shrink(case, lambda other: other.x[decode(other.word).fields["rm"]] != 0)
    assert (small.text, small.state) == ("orr w0, w0, w0", {"x0": 1})


def test_the_variants_of_a_case_are_encodings_of_its_definition():
    case = Case(assemble("ldr w0, 0x40008000", CODE))
    assert [(name, value, other.text) for name, value, other in variants(case, 2)] == [("sf", 1, "ldr x0, 0x40008000")]
