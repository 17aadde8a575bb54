"""How long and how many: the limits of Linux (trace_probe.h, trace_kprobe.c, trace.h), and what an event is called."""

from __future__ import annotations

MAX_NAME = 63
"""Characters of a group or an event name: MAX_EVENT_NAME_LEN counts the terminating zero too."""

MAX_MAXACTIVE = 4096
"""Instances of a return probe (KRETPROBE_MAXACTIVE_MAX)."""

MAX_PLACE_OFFSET = 0xFFFF_FFFF
"""Bytes from a symbol to the probe."""

MAX_ARGS = 128
"""Arguments of one probe (MAX_TRACE_ARGS)."""

MAX_ARG_NAME = 32
"""Characters of an argument's name (MAX_ARG_NAME_LEN)."""

MAX_ARG_TEXT = 63
"""Characters of an argument without its name (MAX_ARGSTR_LEN)."""

MAX_ARRAY = 64
"""Elements of an array (MAX_ARRAY_LEN)."""

MAX_STACK = 2048
"""The last N of `$stackN`: doublewords in a kernel stack of 16 KiB (PARAM_MAX_STACK)."""

MAX_STRING = 4096
"""Bytes of a string with its terminating zero (MAX_STRING_SIZE)."""

MAX_OPERATIONS = 15
"""Steps that fetch one argument (FETCH_INSN_MAX counts the end marker too)."""

ARGUMENT_REGISTERS = 8
"""Arguments that are in registers at the entry of a function: x0 to x7 (AAPCS64)."""

DEFAULT_GROUP = "kprobes"
"""The group of an event whose spec names none (KPROBE_EVENT_SYSTEM)."""

RESERVED_NAMES = frozenset(
    {
        "common_type",
        "common_flags",
        "common_preempt_count",
        "common_pid",
        "common_tgid",
        "__probe_ip",
        "__probe_ret_ip",
        "__probe_func",
    }
)
"""Fields that every event has, so that no argument can be called so (reserved_field_names)."""
