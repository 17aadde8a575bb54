"""The language of kprobe_events: what each spec says, what is wrong with others and where, and what is written back."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kprobes.errors import KprobesError
from kprobes.events import (
    AddressPlace,
    ClearSpec,
    FetchArg,
    FetchType,
    ProbeKind,
    ProbeSpec,
    Problem,
    SpecError,
    SymbolPlace,
    parse,
)
from kprobes.events.expressions import (
    Argument,
    AtAddress,
    AtSymbol,
    Dereference,
    Immediate,
    ImmediateText,
    Register,
    ReturnValue,
    Space,
    StackEntry,
    StackPointer,
)
from kprobes.events.types import TYPES, Bitfield, String
from tests.kprobes.event_specs import specs

PROBE, RETURN = ProbeKind.PROBE, ProbeKind.RETURN
WORK = SymbolPlace("work")


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("p work", ProbeSpec(PROBE, "kprobes", "p_work_0", WORK)),
        ("p work+16", ProbeSpec(PROBE, "kprobes", "p_work_16", SymbolPlace("work", 16))),
        ("p work+0x10", ProbeSpec(PROBE, "kprobes", "p_work_16", SymbolPlace("work", 16))),
        ("p work+020", ProbeSpec(PROBE, "kprobes", "p_work_16", SymbolPlace("work", 16))),
        ("p work+0xffffffff", ProbeSpec(PROBE, "kprobes", "p_work_4294967295", SymbolPlace("work", 0xFFFF_FFFF))),
        ("p 0x40080000", ProbeSpec(PROBE, "kprobes", "p_0x40080000", AddressPlace(0x4008_0000))),
        ("p 4096", ProbeSpec(PROBE, "kprobes", "p_0x1000", AddressPlace(4096))),
        ("p:mine work", ProbeSpec(PROBE, "kprobes", "mine", WORK)),
        ("p:team/mine work", ProbeSpec(PROBE, "team", "mine", WORK)),
        ("p:team.mine work", ProbeSpec(PROBE, "team", "mine", WORK)),
        ("p:my-team/mine work", ProbeSpec(PROBE, "my-team", "mine", WORK)),
        ("p:team/ work", ProbeSpec(PROBE, "team", "p_work_0", WORK)),
        (f"p:{'g' * 63}/{'e' * 63} work", ProbeSpec(PROBE, "g" * 63, "e" * 63, WORK)),
        ("r work", ProbeSpec(RETURN, "kprobes", "r_work_0", WORK)),
        ("r20:mine work", ProbeSpec(RETURN, "kprobes", "mine", WORK, 20)),
        ("r4096 work", ProbeSpec(RETURN, "kprobes", "r_work_0", WORK, 4096)),
        ("p:mine work%return", ProbeSpec(RETURN, "kprobes", "mine", WORK)),
        ("r work+0%return", ProbeSpec(RETURN, "kprobes", "r_work_0", WORK)),
        ("r 0x1000", ProbeSpec(RETURN, "kprobes", "r_0x1000", AddressPlace(0x1000))),
        (" p\twork ", ProbeSpec(PROBE, "kprobes", "p_work_0", WORK)),
        ("p work.isra.0", ProbeSpec(PROBE, "kprobes", "p_work_isra_0_0", SymbolPlace("work.isra.0"))),
        (f"p {'w' * 80}", ProbeSpec(PROBE, "kprobes", f"p_{'w' * 61}", SymbolPlace("w" * 80))),
        ("-:mine", ClearSpec(None, "mine")),
        ("-:team/mine", ClearSpec("team", "mine")),
    ],
)
def test_specs(text, spec):
    assert spec == parse(text)


def of(name):
    return FetchType(TYPES[name])


@pytest.mark.parametrize(
    ("command", "text", "arg"),
    [
        ("p work", "%x0", FetchArg("arg1", Register("x0"))),
        ("p work", "%x30", FetchArg("arg1", Register("x30"))),
        ("p work", "%lr", FetchArg("arg1", Register("lr"))),
        ("p work", "%sp", FetchArg("arg1", Register("sp"))),
        ("p work", "%pc", FetchArg("arg1", Register("pc"))),
        ("p work", "%pstate", FetchArg("arg1", Register("pstate"))),
        ("p work", "$arg1", FetchArg("arg1", Argument(1))),
        ("p work+0", "$arg8", FetchArg("arg1", Argument(8))),
        ("r work", "$retval", FetchArg("arg1", ReturnValue())),
        ("p work%return", "$retval", FetchArg("arg1", ReturnValue())),
        ("p work", "$stack", FetchArg("arg1", StackPointer())),
        ("p work", "$stack0", FetchArg("arg1", StackEntry(0))),
        ("p work", "$stack2048", FetchArg("arg1", StackEntry(2048))),
        ("p work", "@0x1000", FetchArg("arg1", AtAddress(0x1000))),
        ("p work", "@4096", FetchArg("arg1", AtAddress(4096))),
        ("p work", "@table", FetchArg("arg1", AtSymbol("table"))),
        ("p work", "@table+8", FetchArg("arg1", AtSymbol("table", 8))),
        ("p work", "@table-0x8", FetchArg("arg1", AtSymbol("table", -8))),
        ("p work", "+8(%x0)", FetchArg("arg1", Dereference(8, Register("x0")))),
        ("p work", "-0x10($stack)", FetchArg("arg1", Dereference(-16, StackPointer()))),
        ("p work", "+u4(%x1)", FetchArg("arg1", Dereference(4, Register("x1"), Space.USER))),
        ("p work", "-u4(%x1)", FetchArg("arg1", Dereference(-4, Register("x1"), Space.USER))),
        ("p work", "+0(-8(@table))", FetchArg("arg1", Dereference(0, Dereference(-8, AtSymbol("table"))))),
        ("p work", r"\42", FetchArg("arg1", Immediate(42))),
        ("p work", r"\0x10", FetchArg("arg1", Immediate(16))),
        ("p work", r"\+5", FetchArg("arg1", Immediate(5))),
        ("p work", r"\-1", FetchArg("arg1", Immediate((1 << 64) - 1))),
        ("p work", r"\18446744073709551615", FetchArg("arg1", Immediate((1 << 64) - 1))),
        ("p work", r'\"here"', FetchArg("arg1", ImmediateText("here"), of("string"))),
        ("p work", r'\"here":string', FetchArg("arg1", ImmediateText("here"), of("string"))),
        ("p work", r'tag=\"a="b""', FetchArg("tag", ImmediateText('a="b"'), of("string"))),
        ("p work", "count=%x2", FetchArg("count", Register("x2"))),
        ("p work", f"{'n' * 32}=%x2", FetchArg("n" * 32, Register("x2"))),
        ("p work", "%x0:s32", FetchArg("arg1", Register("x0"), of("s32"))),
        ("p work", "%x0:char", FetchArg("arg1", Register("x0"), of("char"))),
        ("p work", "%lr:symbol", FetchArg("arg1", Register("lr"), of("symbol"))),
        ("p work", "name=+0(%x0):string", FetchArg("name", Dereference(0, Register("x0")), of("string"))),
        ("p work", "@0x1000:ustring", FetchArg("arg1", AtAddress(0x1000), of("ustring"))),
        ("p work", "%x0:b4@2/8", FetchArg("arg1", Register("x0"), FetchType(Bitfield(4, 2, 8)))),
        ("p work", "@t:b0x40@0/64", FetchArg("arg1", AtSymbol("t"), FetchType(Bitfield(64, 0, 64)))),
        ("p work", "+0(%x0):u8[4]", FetchArg("arg1", Dereference(0, Register("x0")), FetchType(TYPES["u8"], 4))),
        ("p work", "@t:u8[64]", FetchArg("arg1", AtSymbol("t"), FetchType(TYPES["u8"], 64))),
        ("p work", "@t:string[2]", FetchArg("arg1", AtSymbol("t"), FetchType(String.KERNEL, 2))),
        ("p work", "@t:b1@0/8[2]", FetchArg("arg1", AtSymbol("t"), FetchType(Bitfield(1, 0, 8), 2))),
    ],
)
def test_arguments(command, text, arg):
    spec = parse(f"{command} {text}")
    assert isinstance(spec, ProbeSpec)
    assert (arg,) == spec.args


def test_arguments_without_a_name_are_called_by_their_position():
    spec = parse("p work %x0 second=%x1 %x2")
    assert isinstance(spec, ProbeSpec)
    assert ["arg1", "second", "arg3"] == [arg.name for arg in spec.args]


def test_a_probe_can_have_128_arguments():
    spec = parse("p work" + " %x0" * 128)
    assert isinstance(spec, ProbeSpec)
    assert len(spec.args) == 128


SYMBOLS = {"work": 1, "table": 1, "static_helper": 2}


ERRORS = [
    # the command
    ("^", Problem.BAD_COMMAND),
    ("  ^", Problem.BAD_COMMAND),
    ("^x work", Problem.BAD_COMMAND),
    ("^-", Problem.BAD_COMMAND),
    ("p^robe work", Problem.BAD_COMMAND),
    ("p^-1 work", Problem.BAD_COMMAND),
    ("p^100 work", Problem.BAD_MAXACT_TYPE),
    ("p^100 work%return", Problem.BAD_MAXACT_TYPE),
    ("r^1a111 work", Problem.BAD_MAXACT),
    ("r^0 work", Problem.BAD_MAXACT),
    ("r^08 work", Problem.BAD_MAXACT),
    ("r^0x:event work", Problem.BAD_MAXACT),
    ("r^4097 work", Problem.MAXACT_TOO_BIG),
    ("r^100000:event work", Problem.MAXACT_TOO_BIG),
    # the names
    ("p:^ work", Problem.NO_EVENT_NAME),
    ("p:^/event work", Problem.NO_GROUP_NAME),
    ("p:^.event work", Problem.NO_GROUP_NAME),
    (f"p:^{'g' * 64}/event work", Problem.GROUP_TOO_LONG),
    ("p:^a.1/event work", Problem.BAD_GROUP_NAME),
    ("p:^1a/event work", Problem.BAD_GROUP_NAME),
    (f"p:group/^{'e' * 64} work", Problem.EVENT_TOO_LONG),
    ("p:group/^event.1 work", Problem.BAD_EVENT_NAME),
    ("p:group.^1 work", Problem.BAD_EVENT_NAME),
    ("p:^my-event work", Problem.BAD_EVENT_NAME),
    ("p:^ünder work", Problem.BAD_EVENT_NAME),
    ("p:a/^b/c work", Problem.BAD_EVENT_NAME),
    ("r5:^ work", Problem.NO_EVENT_NAME),
    ("-:^", Problem.NO_EVENT_NAME),
    ("-:group/^", Problem.NO_EVENT_NAME),
    ("-:^/event", Problem.NO_GROUP_NAME),
    ("-:^1", Problem.BAD_EVENT_NAME),
    ("-:event ^work", Problem.EXTRA_WORD),
    # the place
    ("p^", Problem.NO_PLACE),
    ("r:event^", Problem.NO_PLACE),
    ("p ^nothing", Problem.NO_SYMBOL),
    ("p ^static_helper", Problem.NON_UNIQ_SYMBOL),
    ("p ^work-fuga", Problem.BAD_PROBE_ADDR),
    ("p ^work+1000-1000", Problem.BAD_PROBE_ADDR),
    ("p ^work-4", Problem.BAD_PROBE_ADDR),
    ("p ^work+0x100000000", Problem.BAD_PROBE_ADDR),
    ("p ^work+0x10000000000000000", Problem.BAD_PROBE_ADDR),
    ("p ^work+", Problem.BAD_PROBE_ADDR),
    ("p ^+4", Problem.BAD_PROBE_ADDR),
    ("p ^12345678abcde", Problem.BAD_PROBE_ADDR),
    ("p ^0x10000000000000000", Problem.BAD_PROBE_ADDR),
    (f"p ^{'9' * 5000}", Problem.BAD_PROBE_ADDR),
    ("p ^module:work", Problem.BAD_PROBE_ADDR),
    ("p ^0x1000%return", Problem.BAD_PROBE_ADDR),
    ("p work^%entry", Problem.BAD_ADDR_SUFFIX),
    ("p work^%", Problem.BAD_ADDR_SUFFIX),
    ("p work^%return%return", Problem.BAD_ADDR_SUFFIX),
    ("r ^work+16", Problem.BAD_RETPROBE),
    ("p ^work+16%return", Problem.BAD_RETPROBE),
    # variables and registers
    ("p work ^$retval", Problem.RETVAL_ON_PROBE),
    ("p work +0(^$retval)", Problem.RETVAL_ON_PROBE),
    ("p work ^$stack10000", Problem.BAD_STACK_NUM),
    ("p work ^$stack2049", Problem.BAD_STACK_NUM),
    ("p work ^$arg10000", Problem.BAD_ARG_NUM),
    ("p work ^$arg0", Problem.BAD_ARG_NUM),
    ("p work ^$arg9", Problem.BAD_ARG_NUM),
    ("r work ^$arg1", Problem.NOFENTRY_ARGS),
    ("p work%return ^$arg1", Problem.NOFENTRY_ARGS),
    ("p work+4 ^$arg1", Problem.NOFENTRY_ARGS),
    ("p 0x1000 ^$arg1", Problem.NOFENTRY_ARGS),
    ("p work ^$nothing", Problem.BAD_VAR),
    ("p work ^$", Problem.BAD_VAR),
    ("p work ^$arg", Problem.BAD_VAR),
    ("p work all=^$arg*", Problem.BAD_VAR),
    ("p work ^$stackX", Problem.BAD_VAR),
    ("p work ^$stack-1", Problem.BAD_VAR),
    ("r work ^$retvals", Problem.BAD_VAR),
    ("p work ^$comm", Problem.NO_TASK),
    ("p work +0(^$COMM)", Problem.NO_TASK),
    ("p work ^%nothing", Problem.BAD_REG_NAME),
    ("p work ^%x31", Problem.BAD_REG_NAME),
    ("p work ^%w0", Problem.BAD_REG_NAME),
    ("p work ^%X0", Problem.BAD_REG_NAME),
    ("p work ^%", Problem.BAD_REG_NAME),
    # memory
    ("p work ^@12345678abcde", Problem.BAD_MEM_ADDR),
    ("p work ^@0x10000000000000000", Problem.BAD_MEM_ADDR),
    ("p work ^@", Problem.BAD_MEM_ADDR),
    ("p work ^@-8", Problem.BAD_MEM_ADDR),
    ("p work ^@table+8-8", Problem.BAD_MEM_ADDR),
    ("p work ^@nothing", Problem.NO_SYMBOL),
    ("p work ^@+10", Problem.FILE_ON_KPROBE),
    ("p work ^+0@0)", Problem.DEREF_NEED_BRACE),
    ("p work ^+", Problem.DEREF_NEED_BRACE),
    ("p work ^+0ab1(@0)", Problem.BAD_DEREF_OFFS),
    ("p work ^+(@0)", Problem.BAD_DEREF_OFFS),
    ("p work ^+-8(@0)", Problem.BAD_DEREF_OFFS),
    ("p work ^+0x8000000000000000(@0)", Problem.BAD_DEREF_OFFS),
    ("p work ^-0x8000000000000001(@0)", Problem.BAD_DEREF_OFFS),
    ("p work +0(+0(@0^)", Problem.DEREF_OPEN_BRACE),
    ("p work +0(%x0^", Problem.DEREF_OPEN_BRACE),
    ("p work ^+0)(%x0", Problem.BAD_DEREF_OFFS),
    ("p work +0(%x0)^x", Problem.BAD_DEREF_SUFFIX),
    ("p work +0(^@0))", Problem.BAD_MEM_ADDR),
    ("p work +0(^)", Problem.BAD_FETCH_ARG),
    ('p work +0(^\\"text")', Problem.COMM_CANT_DEREF),
    ("p work +0(^" + "+0(" * 13 + "@0" + ")" * 14, Problem.TOO_MANY_OPS),
    ("p work ^" + "+0(" * 13 + "@0" + ")" * 13 + ":u8[2]", Problem.TOO_MANY_OPS),
    ("p work ^" + "+0(" * 13 + "@0" + ")" * 13 + ":b1@0/8", Problem.TOO_MANY_OPS),
    ("p work ^" + "+0(" * 12 + "@0" + ")" * 12 + ":string[2]", Problem.TOO_MANY_OPS),
    # immediates
    (r"p work n=\^x", Problem.BAD_IMM),
    ("p work \\^", Problem.BAD_IMM),
    (r"p work \^18446744073709551616", Problem.BAD_IMM),
    (r"p work \^-9223372036854775809", Problem.BAD_IMM),
    ('p work n=\\"text^', Problem.IMMSTR_NO_CLOSE),
    ('p work \\"^', Problem.IMMSTR_NO_CLOSE),
    ('p work \\"text":^u8', Problem.NEED_STRING_TYPE),
    ('p work \\"text":^string[2]', Problem.NEED_STRING_TYPE),
    ('p work \\"a:^b"', Problem.NEED_STRING_TYPE),
    ("p work ^&1", Problem.BAD_FETCH_ARG),
    ("p work ^count", Problem.BAD_FETCH_ARG),
    # types
    ("p work +0(@11):u8[10^", Problem.ARRAY_NO_CLOSE),
    ("p work +0(@11):u8[^", Problem.ARRAY_NO_CLOSE),
    ("p work +0(@11):u8[10]^a", Problem.BAD_ARRAY_SUFFIX),
    ("p work +0(@11):u8[^10a]", Problem.BAD_ARRAY_NUM),
    ("p work +0(@11):u8[^0]", Problem.BAD_ARRAY_NUM),
    ("p work +0(@11):u8[^]", Problem.BAD_ARRAY_NUM),
    ("p work +0(@11):u8[^-1]", Problem.BAD_ARRAY_NUM),
    ("p work +0(@11):u8[^65]", Problem.ARRAY_TOO_BIG),
    ("p work +0(@11):u8[^256]", Problem.ARRAY_TOO_BIG),
    ("p work @11:^whatever", Problem.BAD_TYPE),
    ("p work @11:^", Problem.BAD_TYPE),
    ("p work @11:^u128", Problem.BAD_TYPE),
    ("p work @11:^U8", Problem.BAD_TYPE),
    ("p work @11:^u8:u8", Problem.BAD_TYPE),
    ("p work @11:^b", Problem.BAD_TYPE),
    ("p work @11:^b1@0/24", Problem.BAD_TYPE),
    ("p work @11:^b1@0", Problem.BAD_TYPE),
    ("p work $stack0:^string", Problem.BAD_STRING),
    ("p work %x0:^ustring", Problem.BAD_STRING),
    (r"p work \1:^string", Problem.BAD_STRING),
    ("p work %x0:^u8[4]", Problem.BAD_STRING),
    ("p work $stack1:^x8[8]", Problem.BAD_STRING),
    ("p work @11:^b10@a/16", Problem.BAD_BITFIELD),
    ("p work @11:^b0@0/8", Problem.BAD_BITFIELD),
    ("p work @11:^b@0/8", Problem.BAD_BITFIELD),
    ("p work @11:^b1@/8", Problem.BAD_BITFIELD),
    ("p work @11:^b1/8", Problem.BAD_BITFIELD),
    ("p work @11:^b4@5/8", Problem.BAD_BITFIELD),
    # names and lengths of arguments
    (f"p work ^{'n' * 33}=@11", Problem.ARG_NAME_TOO_LONG),
    ("p work ^=@11", Problem.NO_ARG_NAME),
    ("p work ^var.1=@11", Problem.BAD_ARG_NAME),
    ("p work ^1=@11", Problem.BAD_ARG_NAME),
    ("p work one=@11 ^one=@12", Problem.USED_ARG_NAME),
    ("p work arg2=@11 ^@12", Problem.USED_ARG_NAME),
    ("p work @11 ^arg1=@12", Problem.USED_ARG_NAME),
    ("p work ^common_type=@11", Problem.USED_ARG_NAME),
    ("p work ^common_flags=@11", Problem.USED_ARG_NAME),
    ("p work ^common_preempt_count=@11", Problem.USED_ARG_NAME),
    ("p work ^common_pid=@11", Problem.USED_ARG_NAME),
    ("p work ^common_tgid=@11", Problem.USED_ARG_NAME),
    ("p work ^__probe_ip=@11", Problem.USED_ARG_NAME),
    ("p work ^__probe_ret_ip=@11", Problem.USED_ARG_NAME),
    ("p work ^__probe_func=@11", Problem.USED_ARG_NAME),
    ("p work one=^", Problem.NO_ARG_BODY),
    ("p work ^" + "+1234567(" * 6 + "@1234" + ")" * 6, Problem.ARG_TOO_LONG),
    (f"p work n=^@{'t' * 63}", Problem.ARG_TOO_LONG),
    ("p work ^" + "+0x7fffffffffffffff(" * 2 + "+1(" * 4 + "@1" + ")" * 6, Problem.ARG_TOO_LONG),  # see below
    ("p work ^%x0" + " %x0" * 128, Problem.TOO_MANY_ARGS),
]


@pytest.mark.parametrize(("marked", "problem"), ERRORS)
def test_errors(marked, problem):
    """A caret in the text marks the column of the error."""
    column = marked.index("^")
    text = marked[:column] + marked[column + 1 :]
    with pytest.raises(SpecError) as caught:
        parse(text, lambda name: SYMBOLS.get(name, 0))
    assert (problem, text, column) == (caught.value.problem, caught.value.text, caught.value.column)


def test_every_problem_has_a_row():
    assert set(Problem) == {problem for _, problem in ERRORS}


@pytest.mark.parametrize(
    "body",
    [
        "+0(" * 13 + "@0" + ")" * 13,
        "+0(" * 14 + "%x0" + ")" * 14,
        "+0(" * 12 + "@0" + ")" * 12 + ":u8[2]",
        "+0(" * 12 + "@0" + ")" * 12 + ":b1@0/8",
        "+0(" * 11 + "@0" + ")" * 11 + ":string[2]",
        "@" + "t" * 62,
        "+0x7fffffffffffffff(" * 2 + "+1(" * 3 + "@1" + ")" * 5,  # one level more is longer when it is written back
    ],
)
def test_arguments_that_just_fit(body):
    parse(f"p work {body}")


def test_an_error_shows_the_spec_and_the_column():
    with pytest.raises(SpecError) as caught:
        parse("p work\targ1=%x0 $arg99")
    assert str(caught.value) == (
        "$argN is one of $arg1 to $arg8, which are in x0 to x7\n  p work arg1=%x0 $arg99\n                  ^"
    )
    assert caught.value.message == "$argN is one of $arg1 to $arg8, which are in x0 to x7"
    assert isinstance(caught.value, KprobesError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("p work", "p:kprobes/p_work_0 work"),
        ("r16:mine work $retval", "r16:kprobes/mine work arg1=$retval"),
        ("p:g/e work%return", "r:g/e work"),
        ("p work+16 @4096 @t+8 @t-8", "p:kprobes/p_work_16 work+0x10 arg1=@0x1000 arg2=@t+0x8 arg3=@t-0x8"),
        ("p 4096 +u0x10(-8(%sp)):x64", "p:kprobes/p_0x1000 0x1000 arg1=+u16(-8(%sp))"),
        (r'p work \-1 \"text":string', r'p:kprobes/p_work_0 work arg1=\0xffffffffffffffff arg2=\"text"'),
        ("p work @t:s8[3] %x0:b3@1/32", "p:kprobes/p_work_0 work arg1=@t:s8[3] arg2=%x0:b3@1/32"),
        ("-:g.e", "-:g/e"),
    ],
)
def test_canonical_text(text, canonical):
    assert canonical == str(parse(text))


@given(specs())
def test_what_is_written_is_read_back(spec):
    assert spec == parse(str(spec))


def outcome(text):
    try:
        return parse(text)
    except SpecError as error:
        return error


def parses_or_shows_where(text):
    found = outcome(text)
    if not isinstance(found, SpecError):
        assert found == parse(str(found))
        return
    assert text == found.text
    assert 0 <= found.column <= len(text)
    assert str(found).startswith(found.message)


FRAGMENTS = [
    *'pr-:/.+-%@$()\\"=[]ub0x9 ',
    "work",
    "%return",
    "$arg1",
    "$retval",
    "string",
    "u8",
    "b1@0/8",
    "0x10",
    "+0(",
]


@given(st.text() | st.lists(st.sampled_from(FRAGMENTS)).map("".join))
@example("9" * 5000)
@example("p work @" + "9" * 60)
@example("r" + "9" * 5000 + " work")
@example("p work \x1f%x0")
def test_any_text_is_a_spec_or_an_error_with_a_column(text):
    parses_or_shows_where(text)


@given(specs().map(str), st.data())
def test_a_spec_with_a_slip_is_a_spec_or_an_error_with_a_column(text, data):
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 2, len(text))))
    parses_or_shows_where(text[:start] + data.draw(st.sampled_from(["", *FRAGMENTS])) + text[end:])
