"""Register names: general-purpose registers, zero register and stack pointer; conditions.

Number 31 is the zero register or the stack pointer, by the operand's kind ("Registers in AArch64 state").
"""

from __future__ import annotations

ZR = 31
SP = 31
LINK_REGISTER = 30

CONDITIONS = ("eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al", "nv")
CONDITION_NUMBERS = {name: number for number, name in enumerate(CONDITIONS)} | {"cs": 2, "cc": 3}

_PREFIX = {64: "x", 32: "w"}
_STACK_POINTER = {64: "sp", 32: "wsp"}

W_NAMES = (*(f"w{number}" for number in range(31)), "wzr")
X_NAMES = (*(f"x{number}" for number in range(31)), "xzr")
_NUMBERS = {name: (number, 64) for number, name in enumerate(X_NAMES)}
_NUMBERS |= {name: (number, 32) for number, name in enumerate(W_NAMES)}
_NUMBERS |= {"lr": (30, 64), "fp": (29, 64), "ip0": (16, 64), "ip1": (17, 64)}


_WITH_ZR = {32: W_NAMES, 64: X_NAMES}
_WITH_SP = {width: (*names[:SP], _STACK_POINTER[width]) for width, names in _WITH_ZR.items()}


def register_names(width: int, *, sp: bool = False) -> tuple[str, ...]:
    """The names by number (0 to 31) of registers read as `width` bits (32 or 64); 31 is SP when `sp`, else ZR."""
    return (_WITH_SP if sp else _WITH_ZR)[width]


def register_name(number: int, width: int, *, sp: bool = False) -> str:
    """The name of one register, as `register_names` has them."""
    return register_names(width, sp=sp)[number]


def is_register(name: str) -> bool:
    """Whether a lower-case name is that of a register."""
    return name in _NUMBERS or name in _STACK_POINTER.values()


def parse_register(name: str, *, sp: bool = False) -> tuple[int, int] | None:
    """(number, width in bits) of a lower-case name; None if it is no register, or the wrong one of SP and ZR."""
    if name in _STACK_POINTER.values():
        return (SP, 64 if name == "sp" else 32) if sp else None
    found = _NUMBERS.get(name)
    return None if found and found[0] == ZR and sp else found
