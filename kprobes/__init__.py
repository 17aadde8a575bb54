"""Linux arm64 kprobes, as a client of the `aarch64` interpreter.

`kprobes = Kprobes(machine)` begins, `kprobes.register(Kprobe("square", pre_handler=...))` puts a probe on a function of
the program that was loaded, and `machine.run()` has it hit.
"""

from kprobes.errors import Errno, KprobesError, RegistrationError, UnrecoverableReentry
from kprobes.jprobes import Jprobe, StackMismatch
from kprobes.manager import Kprobes
from kprobes.probe import GuestFunction, Kprobe, ProbeFlag
from kprobes.profiles import PROFILES, STRICT, V4_8, V5_10, V7_2, V15, Profile
from kprobes.pt_regs import PtRegs
from kprobes.returns import Instance, Kretprobe, LostReturn
from kprobes.stacks import FixedCopy, FramePointerDelta, NoCopy, Stack, StackKind

__all__ = [
    "PROFILES",
    "STRICT",
    "V4_8",
    "V5_10",
    "V7_2",
    "V15",
    "Errno",
    "FixedCopy",
    "FramePointerDelta",
    "GuestFunction",
    "Instance",
    "Jprobe",
    "Kprobe",
    "Kprobes",
    "KprobesError",
    "Kretprobe",
    "LostReturn",
    "NoCopy",
    "ProbeFlag",
    "Profile",
    "PtRegs",
    "RegistrationError",
    "Stack",
    "StackKind",
    "StackMismatch",
    "UnrecoverableReentry",
]
