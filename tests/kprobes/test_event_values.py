"""What fetch arguments are at a hit, and how that is shown, against a machine made of a few numbers."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kprobes.events import Fault, FetchFault, ProbeSpec, parse
from kprobes.events.types import TYPES, Bitfield, Scalar, Style

TABLE = 0x1000
TEXTS = 0x2000
END = 0x3000  # memory ends here
STACK = 0x1100
TOP = 0xFFFF_FFFF_FFFF_FFF8  # the last doubleword


@attrs.frozen
class Machine:
    """Registers that say their number, memory in two blocks, and two symbols."""

    memory: dict[int, int]
    sp: int = STACK
    pc: int = 0x4008_0010
    pstate: int = 0x6000_03C5
    first: int = TABLE

    def x(self, number):
        return self.first if number == 0 else 0x1111_1111_1111_1111 * (number % 16)

    def read(self, address, size):
        if not all(place in self.memory for place in range(address, address + size)):
            raise FetchFault(address)
        return bytes(self.memory[place] for place in range(address, address + size))

    def symbol_address(self, name):
        return {"table": TABLE, "texts": TEXTS, "top": TOP}[name]

    def locate(self, address):
        return f"table+{address - TABLE:#x}/0x100" if TABLE <= address < TABLE + 0x100 else f"{address:#x}"


def machine():
    memory = dict.fromkeys(range(TABLE, END), 0)

    def put(address, data):
        memory.update(enumerate(data, address))

    put(TABLE, bytes([0x80, 0xFF, 0x41, 0x0A, 0x11, 0x22, 0x33, 0x44]))
    put(TABLE + 8, TEXTS.to_bytes(8, "little"))
    put(TABLE + 16, (TEXTS + 6).to_bytes(8, "little"))
    put(TABLE + 24, (END + 8).to_bytes(8, "little"))
    put(STACK, (5).to_bytes(8, "little") + (TABLE + 8).to_bytes(8, "little"))
    put(TEXTS, b"hello\0" + "grüß\n\xff".encode("latin-1") + b"\0")
    put(END - 3, b"end")
    put(TOP, (0x1234).to_bytes(8, "little"))
    return Machine(memory)


def show(text, command="p work", **changes):
    spec = parse(f"{command} {text}")
    assert isinstance(spec, ProbeSpec)
    return spec.args[0].show(attrs.evolve(machine(), **changes))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # registers and variables
        ("%x0", "arg1=0x1000"),
        ("%x1", "arg1=0x1111111111111111"),
        ("lr=%x30", "lr=0xeeeeeeeeeeeeeeee"),
        ("lr=%lr", "lr=0xeeeeeeeeeeeeeeee"),
        ("%sp", "arg1=0x1100"),
        ("%pc", "arg1=0x40080010"),
        ("%pstate", "arg1=0x600003c5"),
        ("first=$arg1", "first=0x1000"),
        ("$arg8", "arg1=0x7777777777777777"),
        ("$stack", "arg1=0x1100"),
        ("$stack0:u64", "arg1=5"),
        ("$stack1", "arg1=0x1008"),
        (r"\42", "arg1=0x2a"),
        (r"\-1:s64", "arg1=-1"),
        (r'\"here"', 'arg1="here"'),
        # memory
        ("@0x1000", "arg1=0x443322110a41ff80"),
        ("@table", "arg1=0x443322110a41ff80"),
        ("@table+4:x32", "arg1=0x44332211"),
        ("@texts-0xff0", "arg1=0x2006"),
        ("+0(%x0)", "arg1=0x443322110a41ff80"),
        ("+u0(%x0)", "arg1=0x443322110a41ff80"),
        ("-4(\\0x1008):x16", "arg1=0x2211"),
        ("+1(+8(%x0)):char", "arg1='e'"),
        ("+0(@0x1008):char", "arg1='h'"),
        ("+0($stack1)", "arg1=0x2000"),
        ("+0(+0($stack1)):string", 'arg1="hello"'),
        # the lowest bytes of a register, the bytes of memory from the lowest
        ("%x1:x8", "arg1=0x11"),
        ("%x1:u16", "arg1=4369"),
        ("%x15:s32", "arg1=-1"),
        ("%x15:u32", "arg1=4294967295"),
        ("%x15:s8", "arg1=-1"),
        ("%x15:u64", "arg1=18446744073709551615"),
        ("@table:u8", "arg1=128"),
        ("@table:s8", "arg1=-128"),
        ("@table:x8", "arg1=0x80"),
        ("@table:s16", "arg1=-128"),
        ("@table+2:char", "arg1='A'"),
        ("@table+3:char", r"arg1='\n'"),
        ("@table+1:char", r"arg1='\xff'"),
        # bit fields
        ("@table:b1@7/8", "arg1=1"),
        ("@table:b4@8/16", "arg1=15"),
        ("@table:b12@4/16", "arg1=4088"),
        ("@table:b64@0/64", "arg1=4914309074973228928"),
        ("%x1:b3@4/32", "arg1=1"),
        # symbols
        ("%x0:symbol", "arg1=table+0x0/0x100"),
        ("$stack1:symbol", "arg1=table+0x8/0x100"),
        ("%pc:symbol", "arg1=0x40080010"),
        # strings
        ("@texts:string", 'arg1="hello"'),
        ("@texts:ustring", 'arg1="hello"'),
        ("@texts+5:string", 'arg1=""'),
        ("+0(@0x1010):string", r'arg1="gr\xfc\xdf\n\xff"'),
        # arrays
        ("@table:u8[3]", "arg1={128,255,65}"),
        ("@table:u8[1]", "arg1={128}"),
        ("@table:char[2]", "arg1={'\\x80','\\xff'}"),
        ("@table+4:x16[2]", "arg1={0x2211,0x4433}"),
        ("@table:b4@4/8[3]", "arg1={8,15,4}"),
        ("+0(%x0):s8[2]", "arg1={-128,-1}"),
        ("@table+8:string[2]", r'arg1={"hello","gr\xfc\xdf\n\xff"}'),
        ("@table:symbol[2]", "arg1={0x443322110a41ff80,0x2000}"),
        # what cannot be read
        ("@0x3000", "arg1=(fault)"),
        ("@0x2ffc", "arg1=(fault)"),
        ("+0(@0x3000):u8", "arg1=(fault)"),
        ("@0x2ffd:string", "arg1=(fault)"),
        ("@0x2ffe:u8[4]", "arg1={110,100,(fault),(fault)}"),
        ("@table+8:string[3]", r'arg1={"hello","gr\xfc\xdf\n\xff",(fault)}'),
        ("$stack2048", "arg1=(fault)"),
        # addresses wrap
        ("+0x10(\\-16):x8", "arg1=(fault)"),
        ("+0x1010(\\-16):x16", "arg1=0xff80"),
        ("@top+0x1008:x16", "arg1=0xff80"),
        ("-0x1008(%x0)", "arg1=0x1234"),
        ("@top:x64[2]", "arg1={0x1234,(fault)}"),
    ],
)
def test_values(text, shown):
    assert shown == show(text)


def test_the_return_value_is_in_x0():
    assert show("$retval:s32", command="r work", first=0xFFFF_FFFE) == "arg1=-2"


def test_stack_entries_are_read_from_the_stack_pointer():
    assert show("$stack1", sp=TABLE) == "arg1=0x2000"


def test_a_string_ends_after_4095_bytes():
    endless = dict.fromkeys(range(TEXTS, TEXTS + 5000), ord("a"))
    assert show("+0(@0x1008):string", memory=machine().memory | endless) == f'arg1="{"a" * 4095}"'


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("@table:u8", 128),
        ("@texts:string", "hello"),
        ("+0(@0x1010):string", "gr\\xfc\\xdf\n\\xff"),  # not UTF-8; the line feed is itself
        ("@table:s8[2]", (-128, -1)),
        ("@0x3000", Fault.FAULT),
        ("@0x2fff:u8[2]", (100, Fault.FAULT)),
    ],
)
def test_values_as_data(text, value):
    spec = parse(f"p work {text}")
    assert isinstance(spec, ProbeSpec)
    assert value == spec.args[0].evaluate(machine())


SCALARS = [item for item in TYPES.values() if isinstance(item, Scalar)]


@given(st.sampled_from(SCALARS), st.integers(0, (1 << 64) - 1))
def test_a_scalar_is_the_lowest_bytes(scalar, raw):
    signed = scalar.style is Style.SIGNED
    lowest = raw.to_bytes(8, "little")[: scalar.size]
    assert int.from_bytes(lowest, "little", signed=signed) == scalar.decode(raw)


@given(st.integers(0, (1 << 64) - 1), st.sampled_from([8, 16, 32, 64]), st.data())
def test_the_bit_fields_of_a_container_make_the_number(raw, container, data):
    cut = data.draw(st.integers(1, container - 1))
    low, high = Bitfield(cut, 0, container), Bitfield(container - cut, cut, container)
    assert raw & ((1 << container) - 1) == high.decode(raw) << cut | low.decode(raw)
