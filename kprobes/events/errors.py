"""What can be wrong with a spec, and the error that shows where."""

from __future__ import annotations

import re
from enum import Enum, unique

from kprobes.errors import KprobesError
from kprobes.events.limits import (
    ARGUMENT_REGISTERS,
    MAX_ARG_NAME,
    MAX_ARG_TEXT,
    MAX_ARGS,
    MAX_ARRAY,
    MAX_MAXACTIVE,
    MAX_NAME,
    MAX_PLACE_OFFSET,
    MAX_STACK,
)


@unique
class Problem(Enum):
    """What is wrong with a spec, in words; the names are those of the ERRORS of trace_probe.h."""

    BAD_MAXACT_TYPE = "a number of instances is for return probes (r) only"
    BAD_MAXACT = "the number of instances is not a number from 1"
    MAXACT_TOO_BIG = f"the number of instances is at most {MAX_MAXACTIVE}"
    BAD_PROBE_ADDR = f"not a place to probe: want an address or SYMBOL[+OFFSET], OFFSET up to {MAX_PLACE_OFFSET:#x}"
    NON_UNIQ_SYMBOL = "several symbols have this name: give the address"
    BAD_RETPROBE = "a return probe is at the entry of a function: want SYMBOL without an offset"
    BAD_ADDR_SUFFIX = "only %return can follow the place"
    NO_GROUP_NAME = "the group has no name"
    GROUP_TOO_LONG = f"the name of the group is longer than {MAX_NAME} characters"
    BAD_GROUP_NAME = "the name of a group is made of letters, digits, _ and -, and does not begin with a digit"
    NO_EVENT_NAME = "the event has no name"
    EVENT_TOO_LONG = f"the name of the event is longer than {MAX_NAME} characters"
    BAD_EVENT_NAME = "the name of an event is made of letters, digits and _, and does not begin with a digit"
    RETVAL_ON_PROBE = "$retval is for return probes (r) only"
    BAD_STACK_NUM = f"$stackN goes up to $stack{MAX_STACK}"
    BAD_ARG_NUM = f"$argN is one of $arg1 to $arg{ARGUMENT_REGISTERS}, which are in x0 to x{ARGUMENT_REGISTERS - 1}"
    NOFENTRY_ARGS = "$argN is for probes (p) at the entry of a function, by its SYMBOL: name the register, as in %x0"
    BAD_VAR = f"there are $arg1 to $arg{ARGUMENT_REGISTERS}, $retval, $stack and $stack0 to $stack{MAX_STACK}"
    BAD_REG_NAME = "there are %x0 to %x30, %lr, %sp, %pc and %pstate"
    BAD_MEM_ADDR = "not a place in memory: want @ADDRESS or @SYMBOL[+-OFFSET]"
    BAD_IMM = r'not an immediate value: want \NUMBER or \"TEXT"'
    IMMSTR_NO_CLOSE = 'the text is not closed with "'
    FILE_ON_KPROBE = "offsets in files are for user-space probes: want @ADDRESS or @SYMBOL[+-OFFSET]"
    TOO_MANY_OPS = "this is nested too deeply"
    DEREF_NEED_BRACE = "an offset needs what it is added to: want OFFSET(ARGUMENT)"
    BAD_DEREF_OFFS = "not an offset of 64 bits"
    DEREF_OPEN_BRACE = "the bracket is not closed"
    COMM_CANT_DEREF = "a text has no address"
    BAD_FETCH_ARG = "not an argument: one begins with %, $, @, +, - or \\"
    ARRAY_NO_CLOSE = "the array is not closed with ]"
    BAD_ARRAY_SUFFIX = "nothing can follow the array"
    BAD_ARRAY_NUM = "the length of an array is a number from 1"
    ARRAY_TOO_BIG = f"the length of an array is at most {MAX_ARRAY}"
    BAD_TYPE = "there are the types u8-u64, s8-s64, x8-x64, char, symbol, string, ustring and bWIDTH@OFFSET/SIZE"
    BAD_STRING = "strings and arrays are read from memory: want @... or +OFFSET(...)"
    NEED_STRING_TYPE = "a text has the type string"
    BAD_BITFIELD = "want bWIDTH@OFFSET/SIZE with WIDTH from 1 and WIDTH + OFFSET up to SIZE"
    ARG_NAME_TOO_LONG = f"the name of the argument is longer than {MAX_ARG_NAME} characters"
    NO_ARG_NAME = "the argument has no name"
    BAD_ARG_NAME = "the name of an argument is made of letters, digits and _, and does not begin with a digit"
    USED_ARG_NAME = "this name is taken"
    ARG_TOO_LONG = f"an argument has at most {MAX_ARG_TEXT} characters after its name"
    NO_ARG_BODY = "the argument is empty"
    TOO_MANY_ARGS = f"a probe has at most {MAX_ARGS} arguments"

    # Linux reports these with another's words, or not at all.
    BAD_COMMAND = "a spec begins with p (probe), r (return probe) or -:EVENT (clear)"
    NO_PLACE = "the place to probe is missing: want an address or SYMBOL[+OFFSET]"
    EXTRA_WORD = "nothing can follow the event to clear"
    NO_SYMBOL = "there is no symbol of this name"
    NO_TASK = "there are no tasks here, so $comm has no value"
    BAD_DEREF_SUFFIX = "nothing can follow the bracket"


@unique
class Conflict(Enum):
    """What is wrong with a spec beside others that have been taken; the names are those of trace_probe.h, too."""

    DIFF_PROBE_TYPE = "there is an event of this name, of the other kind (p, r): give this one another name"
    DIFF_ARG_TYPE = "there is an event of this name, and its arguments have other names or types: give another name"
    SAME_PROBE = "there is the very same probe already"


class SpecError(KprobesError, ValueError):
    """A spec that says nothing, or what others contradict.

    Attributes:
        problem: why.
        text: the spec.
        column: where it shows, from 0 up to the length of the text.
    """

    def __init__(self, problem: Problem | Conflict, text: str, column: int) -> None:
        super().__init__(problem, text, column)
        self.problem = problem
        self.text = text
        self.column = column

    @property
    def message(self) -> str:
        """The problem in words."""
        return str(self.problem.value)

    def __str__(self) -> str:
        # One column a character, or the caret would not be where it belongs.
        shown = re.sub(r"\s", " ", self.text)
        return f"{self.message}\n  {shown}\n  {' ' * self.column}^"
