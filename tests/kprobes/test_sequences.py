"""Exclusive sequences: the kernels' backward scan with each one's bounds, and our own rule by control flow."""

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kprobes.analysis import judge
from kprobes.linux_rules import V4_8_RULES, V15_RULES
from kprobes.ports import Effect
from kprobes.profiles import PROFILES, STRICT
from kprobes.sequences import WORD
from tests.kprobes.texts import BASE, place, text_of

V4_8_0_RULES = attrs.evolve(V4_8_RULES, sequences=V15_RULES.sequences)
RULES = {"v4.8.0": V4_8_0_RULES, **{name: profile.decode for name, profile in PROFILES.items()}}
LINUX = [name for name in RULES if name != STRICT.name]
BY_SYMBOL = ["v4.8", "v5.10", "v7.2"]
BY_TEXT = ["v15", "v4.8.0"]
IGNORING_BIT_23 = ["v15", "v4.8.0", "v4.8", "v5.10"]

NOPS = "\n".join(["add x9, x9, #1"] * 64)
"""More than any scan looks at; no store-exclusive, nothing that is refused."""


def is_accepted_by_us(source: str, label: str) -> bool:
    text = text_of(source)
    return judge(place(text, label), text, STRICT.decode).is_legal


def refused_at(words: int, source: str) -> set[str]:
    """Whose rules refuse the instruction so many words after the base: without a label, which would be a symbol."""
    text = text_of(source)
    return {name for name, rules in RULES.items() if not judge(BASE + words * WORD, text, rules).is_legal}


# --- the bounds


def at_distance(words: int) -> str:
    """An ADD so many words after a load-exclusive, far from the start of the symbol and of the text."""
    between = "add x9, x9, #1\n" * (words - 1)
    return f"start:\n{NOPS}\nldxr x0, [x1]\n{between}add x0, x0, #1\nret"


@pytest.mark.parametrize(
    ("words", "refusing"),
    [
        (1, LINUX),
        (2, LINUX),
        (31, LINUX),
        (32, BY_SYMBOL),
        (33, []),
    ],
)
def test_distance_of_the_load_exclusive(words, refusing):
    assert refused_at(64 + words, at_distance(words)) == set(refusing)


@pytest.mark.parametrize(
    ("before", "refusing"),
    [
        ("ldxr x0, [x1]", BY_SYMBOL),  # at the base itself, which those by text do not look at
        ("add x9, x9, #1\nldxr x0, [x1]", LINUX),
    ],
    ids=["at the base of the text", "after it"],
)
def test_the_scan_ends_at_the_base_of_the_text(before, refusing):
    source = f"start: {before}\nadd x9, x9, #1\nadd x0, x0, #1\nret"
    assert refused_at(len(before.splitlines()) + 1, source) == set(refusing)


@pytest.mark.parametrize(
    ("source", "words", "refusing"),
    [
        ("ldxr x0, [x1]\nfunction: add x9, x9, #1\nadd x0, x0, #1", 66, BY_TEXT),
        ("function: ldxr x0, [x1]\nadd x9, x9, #1\nadd x0, x0, #1", 66, LINUX),
        ("ldxr x0, [x1]\nfunction: add x0, x0, #1", 65, BY_TEXT),
    ],
    ids=["load before the symbol", "load at the symbol", "probe at the symbol"],
)
def test_the_scan_ends_at_the_start_of_the_symbol(source, words, refusing):
    assert refused_at(words, f"start: {NOPS}\n{source}\nret") == set(refusing)


def test_without_a_symbol_nothing_is_scanned():
    source = f"{NOPS}\nldxr x0, [x1]\nadd x9, x9, #1\nadd x0, x0, #1\nret"
    assert text_of(source).symbol(BASE + 66 * WORD) is None
    assert refused_at(66, source) == set(BY_TEXT)


def test_the_scan_takes_data_for_code():
    """Why v4.9 ends it at the symbol: literals before a function look like anything."""
    source = f"start: {NOPS}\nb start\n.word 0xc85f7c20\nfunction: add x9, x9, #1\nadd x0, x0, #1\nret"
    assert refused_at(67, source) == set(BY_TEXT)


# --- what counts as load- and store-exclusive


def refused_after(*instructions: str) -> set[str]:
    lines = [f"start: {NOPS}", *instructions, "add x0, x0, #1", "ret"]
    return refused_at(64 + len(instructions), "\n".join(lines))


@pytest.mark.parametrize("load", ["ldxr x0, [x1]", "ldaxrb w0, [x1]", "ldxp x0, x2, [x1]", "ldaxp w0, w2, [x1]"])
def test_after_a_load_exclusive_the_kernels_refuse(load):
    """Without a store-exclusive that is ever reached there is no sequence, so we accept."""
    assert refused_after(load) == set(LINUX)


@pytest.mark.parametrize("load", ["ldar x0, [x1]", "ldlar w0, [x1]", "casa x0, x2, [x1]", "ldarb w0, [x1]"])
def test_false_positive_what_loads_with_bit_23_counts_as_load_exclusive_until_v6_15(load):
    assert refused_after(load) == set(IGNORING_BIT_23)


@pytest.mark.parametrize("store", ["stxr w3, x0, [x1]", "stlxrh w3, w0, [x1]", "stxp w3, x0, x2, [x1]"])
def test_after_a_store_exclusive_all_accept(store):
    assert refused_after("ldxr x0, [x1]", store) == set()


@pytest.mark.parametrize("store", ["stlr x0, [x2]", "stllr w0, [x2]", "cas x4, x5, [x2]", "casl w4, w5, [x2]"])
def test_false_negative_what_stores_with_bit_23_hides_a_sequence_until_v6_15(store):
    lines = [f"start: {NOPS}", "ldxr x0, [x1]", store, "add x0, x0, #1", "stxr w3, x0, [x1]", "ret"]
    assert refused_at(66, "\n".join(lines)) == {"v7.2", "strict"}


def test_false_negative_casp_with_release_is_a_store_in_every_kernel():
    """CASP has bit 23 clear: its acquiring forms still count as load-exclusive, the others as store-exclusive."""
    assert refused_after("caspa x2, x3, x4, x5, [x1]") == set(LINUX)
    assert refused_after("ldxr x0, [x1]", "caspl x2, x3, x4, x5, [x6]") == set()


# --- linear, or along control flow

LOOP = f"""
start:  {NOPS}
again:  ldxr x0, [x1]
between: cbz x0, out
changed: add x0, x0, #1
        stxr w2, x0, [x1]
retry:  cbnz w2, again
after:  add x3, x3, #1
        ret
out:    clrex
left:   add x3, x3, #2
        ret
"""  # fmt: skip


@pytest.mark.parametrize(
    ("label", "strict"),
    [
        ("start", True),
        ("again", False),  # by itself
        ("between", False),
        ("changed", False),
        ("retry", True),
        ("after", True),
        ("out", True),
        ("left", True),
    ],
)
def test_a_loop(label, strict):
    assert is_accepted_by_us(LOOP, label) == strict


@pytest.mark.parametrize(
    ("words", "refusing"),
    [
        pytest.param(65, {"v4.8.0", "v4.8", "v5.10", "v7.2", "v15", "strict"}, id="the branch between"),
        pytest.param(67, {"v15"}, id="the retry branch, which only v15 refuses, as any branch"),
        pytest.param(68, set(), id="after it"),
    ],
)
def test_a_loop_without_labels(words, refusing):
    again, after = f"{BASE + 64 * WORD:#x}", f"{BASE + 68 * WORD:#x}"
    loop = f"ldxr x0, [x1]\ncbz x0, {after}\nstxr w2, x0, [x1]\ncbnz w2, {again}\nadd x3, x3, #1\nret"
    assert refused_at(words, f"start: {NOPS}\n{loop}") == refusing


OUT_OF_LINE = f"""
start:  {NOPS}
        ldxr x0, [x1]
        b slow
back:   stxr w2, x0, [x1]
        ret
far:    {NOPS}
slow:   add x0, x0, #1
inside: add x0, x0, #2
        b back
"""  # fmt: skip


def test_code_out_of_line_escapes_the_scan_and_not_us():
    text = text_of(OUT_OF_LINE)
    assert refused_at((place(text, "inside") - BASE) // WORD, OUT_OF_LINE) == {"strict"}


def test_code_on_the_way_out_is_refused_by_the_scan_and_not_by_us():
    store = f"{BASE + 68 * WORD:#x}"
    source = f"start: {NOPS}\nldxr x0, [x1]\ncbz x0, {store}\nadd x3, x3, #1\nret\nstxr w2, x0, [x1]\nret"
    assert refused_at(66, source) == set(LINUX)


@pytest.mark.parametrize(
    ("body", "legal"),
    [
        pytest.param("probe: add x0, x0, #1\nstxr w2, x0, [x1]\nret", False, id="straight"),
        pytest.param("probe: bl helper\nstxr w2, x0, [x1]\nret\nhelper: ret", False, id="a call inside"),
        pytest.param("bl probe\nstxr w2, x0, [x1]\nret\nprobe: add x0, x0, #1\nstxr w4, x5, [x6]\nret", False,
                     id="a called function that stores"),
        pytest.param("blr x7\nprobe: add x0, x0, #1\nstxr w2, x0, [x1]\nret", False, id="after an indirect call"),
        pytest.param("probe: br x7\nstxr w2, x0, [x1]\nret", True, id="an indirect branch ends it"),
        pytest.param("probe: ret\nstxr w2, x0, [x1]", True, id="a return ends it"),
        pytest.param("clrex\nprobe: add x0, x0, #1\nstxr w2, x0, [x1]\nret", True, id="after CLREX"),
        pytest.param("probe: add x0, x0, #1\nclrex\nstxr w2, x0, [x1]\nret", True, id="before CLREX"),
        pytest.param("probe: add x0, x0, #1\nldxr x0, [x1]\nstxr w2, x0, [x1]\nret", True, id="before another load"),
        pytest.param("ldar x0, [x3]\nstlr x0, [x3]\nprobe: add x0, x0, #1\nstxr w2, x0, [x1]\nret", False,
                     id="LDAR and STLR between"),
        pytest.param("probe: tbz x0, #3, 1f\nret\n1: b 2f\nret\n2: stxr w2, x0, [x1]\nret", False, id="two branches"),
        pytest.param("b 1f\nprobe: add x0, x0, #1\n1: stxr w2, x0, [x1]\nret", True, id="jumped over"),
        pytest.param("1: cbz x0, 1b\nprobe: add x0, x0, #1\nb 1b\nstxr w2, x0, [x1]\nret", True, id="a loop for ever"),
    ],
)  # fmt: skip
def test_our_rule(body, legal):
    assert is_accepted_by_us(f"start: ldxr x0, [x1]\n{body}", "probe") == legal


def test_a_refusal_knows_the_load_exclusive():
    text = text_of(LOOP)
    judgement = judge(place(text, "changed"), text, STRICT.decode)
    assert judgement.opened_by == place(text, "again")
    assert judgement.reason.endswith(f"which would fail (it begins at {place(text, 'again'):#x})")


# --- against the definition, by brute force

PIECES = ["ldxr x0, [x1]", "stxr w2, x0, [x1]", "clrex", "add x0, x0, #1", "ret", "br x3", "blr x4"]


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Up to 12 instructions: exclusives, CLREX, arithmetic, and branches to any of them."""
    count = draw(st.integers(2, 12))
    branch = st.tuples(st.sampled_from(["b", "bl", "cbz x0,", "tbnz x0, #3,"]), st.integers(0, count - 1))
    piece = st.sampled_from(PIECES) | branch.map(lambda pair: f"{pair[0]} {BASE + pair[1] * WORD:#x}")
    return "\n".join(draw(st.lists(piece, min_size=count, max_size=count)))


ENDS = Effect.LOAD_EXCLUSIVE | Effect.STORE_EXCLUSIVE | Effect.CLEARS_EXCLUSIVE


def reached_from(text, start):
    """Every address that control gets to from after `start`, one step at a time, nothing exclusive between."""
    seen, waiting = set(), list(text.instruction(start).successors(start))
    while waiting:
        address = waiting.pop()
        instruction = text.instruction(address)
        if address not in seen and instruction is not None:
            seen.add(address)
            if not instruction.effects & ENDS:
                waiting += instruction.successors(address)
    return seen


@given(programs())
@example(f"ldxr x0, [x1]\ncbz x0, {BASE:#x}\nstxr w2, x0, [x1]")
@example(f"ldxr x0, [x1]\nldxr x0, [x1]\nb {BASE + 12:#x}\nadd x0, x0, #1\nstxr w2, x0, [x1]")
def test_our_rule_is_its_definition(source):
    text = text_of(source)
    effects = {address: text.instruction(address).effects for address in text.regions[0][::WORD]}
    loads = [address for address in effects if effects[address] & Effect.LOAD_EXCLUSIVE]
    for address, own in effects.items():
        if own & ENDS:
            continue
        opening = {load for load in loads if address in reached_from(text, load)}
        stores = any(effects[place] & Effect.STORE_EXCLUSIVE for place in reached_from(text, address))
        judgement = judge(address, text, STRICT.decode)
        assert judgement.is_legal != bool(opening and stores), hex(address)
        assert judgement.opened_by in (opening if stores and opening else {None})
