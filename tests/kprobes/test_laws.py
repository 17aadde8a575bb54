"""Laws over the whole instruction table: every definition has a verdict, and where the kernels' masks miss a trait.

The masks are what they were meant for, but for the holes listed here, each with what comes of it. A hole that is none
any more fails.
"""

import pytest
from hypothesis import given

from aarch64.isa.definition import Definition, Trait
from aarch64.isa.table import DECODER, assemble, decode
from aarch64.sampling import IMPLEMENTED, samples
from aarch64.strategies import words
from kprobes import linux_rules
from kprobes.analysis import verdict
from kprobes.arch.code import A64Instruction
from kprobes.profiles import PROFILES, STRICT, V4_8, V5_10, V7_2, V15
from kprobes.rules import Verdict, Words
from kprobes.strict_rules import STRICT_RULES

SAMPLES = 60
EVERY_SAMPLE = {item: [item.encode(fields) for fields in samples(item, SAMPLES)] for item in IMPLEMENTED}
for _register in ("DAIF", "ELR_EL1", "TPIDR_EL0"):
    _move = assemble(f"mrs x0, {_register}")  # of so many registers, none of these is likely to be drawn
    EVERY_SAMPLE[decode(_move).definition].append(_move)


def identify(definition: Definition) -> str:
    return f"{definition.title} {definition.pattern.text}"


# --- verdicts are total


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_every_definition_has_a_verdict_with_a_reason(profile):
    for definition in DECODER.definitions:
        for fields in samples(definition, 2):
            judgement = verdict(A64Instruction(definition.encode(fields)), profile.decode)
            assert judgement.rule.why, definition.title
            assert judgement.rule.source, definition.title
            assert judgement.verdict is not Verdict.SIMULATE or definition.semantics, definition.title


@given(words())
def test_every_word_has_a_verdict(word):
    for profile in PROFILES.values():
        assert verdict(A64Instruction(word), profile.decode).verdict in Verdict


def test_the_kernels_rules_are_words_and_ours_are_effects():
    for profile in (V15, V4_8, V5_10, V7_2):
        assert all(clause.words and not clause.effects for clause in profile.decode.clauses)
    assert all(clause.effects and not clause.words for clause in STRICT_RULES.clauses)


# --- the kernels' own consistency

CLASSES = {name: value for name, value in vars(linux_rules).items() if isinstance(value, Words)}


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_asks_for_no_bit_outside_of_its_mask(name):
    """As the BUILD_BUG_ON of __AARCH64_INSN_FUNCS."""
    assert CLASSES[name].value & ~CLASSES[name].mask == 0


@pytest.mark.parametrize("steppable", [linux_rules.STEPPABLE_V15, linux_rules.STEPPABLE_V5_10], ids=["v4.8", "v5.10"])
def test_what_is_simulated_is_not_steppable(steppable):
    """So the order of the two does not matter: arm_probe_decode_insn asks for steppable first."""
    rejected = {item for clause in steppable if clause.verdict is Verdict.REJECT for item in clause.words}
    assert {item for clause in linux_rules.SIMULATED for item in clause.words} <= rejected


def test_a_kernel_that_simulates_rejects_less_and_nothing_else_changes():
    for word in (word for found in EVERY_SAMPLE.values() for word in found[:4]):
        before, after = (verdict(A64Instruction(word), item.decode).verdict for item in (V15, V4_8))
        assert before is after or (before, after) == (Verdict.REJECT, Verdict.SIMULATE)


# --- masks and traits

BRANCHES, RAISES, RELATIVE = Trait.BRANCHES, Trait.RAISES, Trait.PC_RELATIVE
SYSTEM_WRITES = (linux_rules.MSR_IMMEDIATE, linux_rules.MSR_REGISTER)
EXCEPTIONS = (linux_rules.EXCEPTION, linux_rules.ERET)

MEANT = {
    # class: (words, what it is meant for)
    "branch, v15": (linux_rules.BRANCHES, lambda traits: traits & BRANCHES and not traits & RAISES),
    "branch, v5.10": (
        linux_rules.BRANCHES + linux_rules.BRANCHES_AUTH,
        lambda traits: traits & BRANCHES and not traits & RAISES,
    ),
    "exception, v15": (EXCEPTIONS, lambda traits: traits & RAISES),
    "exception, v5.10": ((*EXCEPTIONS, linux_rules.ERET_AUTH), lambda traits: traits & RAISES),
    "literal": (linux_rules.LITERALS, lambda traits: traits & RELATIVE and not traits & BRANCHES),
    "exclusive": ((linux_rules.EXCLUSIVE,), lambda traits: traits & (Trait.LOAD_EXCLUSIVE | Trait.STORE_EXCLUSIVE)),
    "load_ex": ((linux_rules.LOAD_EXCLUSIVE,), lambda traits: traits & Trait.LOAD_EXCLUSIVE),
    "store_ex": ((linux_rules.STORE_EXCLUSIVE,), lambda traits: traits & Trait.STORE_EXCLUSIVE),
    "load_ex, v6.15": ((V7_2.decode.sequences.loads,), lambda traits: traits & Trait.LOAD_EXCLUSIVE),
    "store_ex, v6.15": ((V7_2.decode.sequences.stores,), lambda traits: traits & Trait.STORE_EXCLUSIVE),
    "msr": (SYSTEM_WRITES, lambda traits: traits & Trait.WRITES_SYSREG and not traits & Trait.MAINTAINS),
    "mrs": ((linux_rules.MRS,), lambda traits: traits & Trait.READS_SYSREG),
    "mrs daif": ((linux_rules.MRS_DAIF,), lambda traits: traits & Trait.READS_EXCEPTION_STATE),
    "hint": ((linux_rules.HINT,), lambda traits: traits & Trait.HINT),
    "events": (linux_rules.EVENTS, lambda traits: traits & Trait.WAITS),
}

_BIT_23 = "bit 23 is not looked at: code after it is refused"
_HIDES = "bit 23 is not looked at: an exclusive sequence before it is not seen"
_CASP = "its encoding is among the exclusives"
_SAME_SPACE = "its encoding is that of MSR (immediate): refused without need"

HOLES = {
    ("branch, v15", "BC.cond"): "executed in the slot, it branches relative to the slot",
    ("branch, v5.10", "BC.cond"): "likewise",
    ("branch, v15", "BRAA, BRAAZ, BRAB, BRABZ"): "executed in the slot, it leaves it",
    ("branch, v15", "BLRAA, BLRAAZ, BLRAB, BLRABZ"): "executed in the slot, it leaves it, and links to the slot",
    ("branch, v15", "RETAA, RETAB"): "executed in the slot, it leaves it",
    ("exception, v15", "DRPS"): "UNDEFINED in the slot",
    ("exception, v5.10", "DRPS"): "likewise",
    ("exception, v15", "ERETAA, ERETAB"): "executed in the slot, it returns from an exception that is over",
    ("exception, v15", "UDF"): "UNDEFINED in the slot",
    ("exception, v5.10", "UDF"): "likewise",
    ("exclusive", "CASP, CASPA, CASPAL, CASPL"): f"{_CASP}: refused without need",
    ("load_ex", "CASP, CASPA, CASPAL, CASPL"): f"{_CASP}: code after it is refused",
    ("store_ex", "CASP, CASPA, CASPAL, CASPL"): f"{_CASP}: an exclusive sequence before it is not seen",
    ("load_ex, v6.15", "CASP, CASPA, CASPAL, CASPL"): f"{_CASP}: code after it is refused",
    ("store_ex, v6.15", "CASP, CASPA, CASPAL, CASPL"): f"{_CASP}: an exclusive sequence before it is not seen",
    **{("load_ex", title): _BIT_23 for title in (
        "LDAR", "LDARB", "LDARH", "LDLAR", "LDLARB", "LDLARH",
        "CAS, CASA, CASAL, CASL", "CASB, CASAB, CASALB, CASLB", "CASH, CASAH, CASALH, CASLH",
    )},
    **{("store_ex", title): _HIDES for title in (
        "STLR", "STLRB", "STLRH", "STLLR", "STLLRB", "STLLRH",
        "CAS, CASA, CASAL, CASL", "CASB, CASAB, CASALB, CASLB", "CASH, CASAH, CASALH, CASLH",
    )},
    ("msr", "CFINV"): _SAME_SPACE,
    ("msr", "XAFLAG"): _SAME_SPACE,
    ("msr", "AXFLAG"): _SAME_SPACE,
    ("msr", "ESB"): "it may write DISR_EL1, and whether it does depends on PSTATE.A, which is set in the slot",
    ("mrs", "SYSL"): "it is read by SYS, of which nothing is forbidden",
    ("mrs daif", "MRS"): "ELR_ELx, SPSR_ELx, ESR_ELx, FAR_ELx, HPFAR_EL2 and MDSCR_EL1 read what the probe left there",
    ("events", "YIELD"): "it waits for nothing: refused without need",
    ("events", "WFET"): "it is no hint: executed in the slot, where the return from BRK has set the event register",
    ("events", "WFIT"): "it is no hint: executed in the slot, where interrupts are masked",
}  # fmt: skip
"""(class, title): what comes of it."""


def differing(name):
    """The titles of definitions of which some encodings are in the class and not meant by it, or the reverse."""
    classes, is_meant = MEANT[name]
    return {
        definition.title
        for definition, found in EVERY_SAMPLE.items()
        for word in found
        if any(word in item for item in classes) != bool(is_meant(definition.traits_of(definition.extract(word))))
    }


@pytest.mark.parametrize("name", MEANT)
def test_a_class_is_what_it_is_meant_for_but_for_its_holes(name):
    assert differing(name) == {title for class_name, title in HOLES if class_name == name}


def test_holes_are_of_classes():
    assert {name for name, _ in HOLES} <= MEANT.keys()


# --- ours


TRANSPARENT = Trait.LOADS | Trait.STORES | Trait.ATOMIC | Trait.UNPRIVILEGED | Trait.PREFETCHES | Trait.HINT
HARMLESS = TRANSPARENT | Trait.BARRIER | Trait.READS_SYSREG | Trait.CLEARS_EXCLUSIVE
"""What may be executed in the slot by our rules, besides what computes on registers; and SYS."""


REFUSED = (
    Trait.RAISES | Trait.WAITS | Trait.LOAD_EXCLUSIVE | Trait.STORE_EXCLUSIVE | Trait.READS_EXCEPTION_STATE
)  # fmt: skip


@pytest.mark.parametrize("definition", IMPLEMENTED, ids=identify)
def test_what_we_put_into_a_slot_has_no_other_traits(definition):
    for word in EVERY_SAMPLE[definition][-8:]:
        traits = definition.traits_of(definition.extract(word))
        if verdict(A64Instruction(word), STRICT.decode).verdict is Verdict.SLOT:
            assert not traits & ~HARMLESS or traits & Trait.MAINTAINS
            assert definition.landing is None
        if traits & (
            Trait.READS_EXCEPTION_STATE | Trait.LOAD_EXCLUSIVE | Trait.STORE_EXCLUSIVE | Trait.RAISES | Trait.WAITS
        ):
            assert verdict(A64Instruction(word), STRICT.decode).verdict is Verdict.REJECT


def test_every_trait_is_decided_on():
    """A trait that is new must be thought about: it is harmless, or a clause of ours is about it."""
    decided = {name for clause in STRICT_RULES.clauses for name in _names(clause.effects)}
    open_ones = {trait.name for trait in Trait if not trait & HARMLESS} - decided
    assert open_ones == {"CONDITIONAL", "CALLS"}  # both are branches


def _names(effects):
    return {effect.name for effect in effects}
