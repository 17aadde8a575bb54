"""Verdicts on places in a text, and refusals that explain themselves."""

import pytest

from kprobes.analysis import NOT_TEXT, Analysis, Judgement, explain, judge
from kprobes.profiles import PROFILES, STRICT, V4_8, V15
from kprobes.rules import Verdict
from tests.kprobes.texts import BASE, place, text_of

SOURCE = """
first:  add x0, x0, #1
        ret
second: svc #0
        add x1, x1, #1
lock:   ldaxr w0, [x1]
        cbnz w0, lock
        stxr w0, w2, [x1]
        cbnz w0, lock
        ret
last:   svc #1
        .word 0xffffffff
"""


@pytest.fixture
def text():
    return text_of(SOURCE)


def told(text, address, profile):
    refusal = explain(address, text, profile.decode)
    assert refusal is not None
    return refusal.told()


def test_what_can_be_probed_needs_no_explanation(text):
    assert explain(BASE, text, STRICT.decode) is None


def test_a_refusal_tells_rule_instruction_and_nearest_legal_addresses(text):
    refusal = explain(place(text, "lock") + 4, text, V4_8.decode)
    assert (refusal.address, refusal.text) == (0x4000_0014, "cbnz w0, 0x40000010")
    assert refusal.judgement == Judgement(Verdict.REJECT, V4_8.decode.sequences.rule, 0x4000_0010)
    assert (refusal.before, refusal.after) == (None, 0x4000_001C)


def test_in_words(text):
    assert told(text, BASE + 4, V15) == (
        "0x40000004 (ret) cannot be probed: a branch sets the PC: out of line it would go elsewhere, or not come back "
        "[aarch64_insn_is_steppable]; the nearest that can: 0x40000000 before"
    )
    assert told(text, place(text, "lock") + 4, STRICT) == (
        "0x40000014 (cbnz w0, 0x40000010) cannot be probed: control may come to it from a load-exclusive and go on to "
        "the store-exclusive, which would fail (it begins at 0x40000010) [Load-Exclusive and Store-Exclusive "
        "instruction usage restrictions]; the nearest that can: 0x4000001c after"
    )


def test_addresses_are_shown_as_asked(text):
    refusal = explain(place(text, "second"), text, STRICT.decode)
    assert refusal.told(lambda address: f"<{address - BASE}>").startswith("<8> (svc #0) cannot be probed: ")
    assert refusal.told(lambda address: f"<{address - BASE}>").endswith("; the nearest that can: <12> after")


@pytest.mark.parametrize(
    ("label", "offset", "profile", "before", "after"),
    [
        pytest.param("second", 0, "strict", None, "second+4", id="the symbol has one after: not the function before"),
        pytest.param("first", 4, "v15", "first+0", None, id="the symbol has one before: not the function after"),
        pytest.param("lock", 4, "v15", "second+4", None, id="nothing in the symbol: in the text, before"),
        pytest.param("last", 0, "strict", "lock+16", None, id="data is not proposed"),
        pytest.param("lock", 0, "v4.8", None, "lock+12", id="what is in a sequence is not proposed"),
    ],
)
def test_nearest(text, label, offset, profile, before, after):
    refusal = explain(place(text, label) + offset, text, PROFILES[profile].decode)

    def address(written):
        if written is None:
            return None
        name, _, distance = written.partition("+")
        return place(text, name) + int(distance)

    assert (refusal.before, refusal.after) == (address(before), address(after))


def test_where_nothing_can_be_probed():
    text = text_of("svc #0\nsvc #1")
    assert told(text, BASE, STRICT).endswith("; nothing near it can")


@pytest.mark.parametrize("address", [BASE + 2, BASE - 4, BASE + 0x100, 0])
def test_there_is_no_instruction(text, address):
    assert judge(address, text, STRICT.decode) == Judgement(Verdict.REJECT, NOT_TEXT)


def test_a_misaligned_address_is_explained_by_its_neighbours(text):
    refusal = explain(BASE + 0xE, text, STRICT.decode)
    assert (refusal.text, refusal.before, refusal.after) == ("", BASE + 0xC, None)
    assert refusal.told() == (
        "0x4000000e cannot be probed: there is no instruction at this address [arch_prepare_kprobe]; "
        "the nearest that can: 0x4000000c before"
    )


def test_outside_of_the_text_nothing_is_near(text):
    refusal = explain(BASE - 4, text, STRICT.decode)
    assert (refusal.before, refusal.after) == (None, None)


def test_the_instruction_s_own_rule_comes_before_the_sequence(text):
    """As arm_kprobe_decode_insn has it: nothing is scanned for what is rejected anyway."""
    assert judge(place(text, "lock") + 8, text, V4_8.decode).rule.name == "exclusive"


def test_walk_is_all_code_and_no_data(text):
    walked = list(Analysis(text, STRICT.decode).walk())
    assert [address for address, _, _ in walked] == list(range(BASE, BASE + 10 * 4, 4))
    assert walked[-1][1].text() == "svc #0x1"


def test_address_zero_is_an_address():
    text = text_of("nop\nsvc #0", base=0)
    assert told(text, 4, STRICT).endswith("; the nearest that can: 0x0 before")
