"""Bugs to be planted, five in each layer, with the command of `a64 fuzz` that has to find each.

To see how many examples that takes by default, whatever the seed: python -m tests.fuzz.planted 2 3 4
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import attrs

from aarch64.fuzz.campaign import Budget, Campaign
from aarch64.fuzz.decode import DecodeSetup
from aarch64.fuzz.execute import ExecuteSetup, Tier
from kprobes.audit.fuzzing import ProbeSetup
from kprobes.audit.programs import ProgramSetup
from kprobes.linux_rules import ADR, BL, EXCLUSIVE, LDR_LITERAL, MRS
from tests.fuzz import planting
from tests.fuzz.planting import accepted, aliased, changed, encoded, the, unsigned, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from aarch64.fuzz.campaign import Report

DECODE = "a64 fuzz decode --oracle llvm"
EXECUTE = "a64 fuzz execute"
STEPPED = "a64 fuzz execute --tier stepped"
PROBE = "a64 fuzz probe"
PROBE_BY_STEP = "a64 fuzz probe --profile v15"
PROGRAMS = "a64 fuzz probe --programs"
CAMPAIGNS = {
    DECODE: (DecodeSetup("llvm"), 100_000),
    EXECUTE: (ExecuteSetup(), 30_000),
    STEPPED: (ExecuteSetup(tier=Tier.STEPPED), 30_000),
    PROBE: (ProbeSetup(), 10_000),
    PROBE_BY_STEP: (ProbeSetup("v15"), 10_000),
    PROGRAMS: (ProgramSetup(), 1_000),
}
"""What each command fuzzes, and with how many examples."""


@attrs.frozen
class Bug:
    """A bug: the layer that it is in, what it is, how to plant it, who finds it, and as what.

    Attributes:
        kind, place: what the finding says, by how it begins.
        small: the case made small: a regular expression for its text, a line each.
        seed: one with which it is found early, so that tests are short; others find it, too.
        examples: so many suffice, as most of them show it.
    """

    layer: str
    name: str
    plant: Callable[[planting.Patch], None]
    command: str
    kind: str
    place: str
    small: str
    seed: int = 1
    examples: int | None = None

    def campaign(self) -> Report:
        """The report of the command with the bug, until something is found."""
        setup, examples = CAMPAIGNS[self.command]
        with planting.Patch.context() as patch:
            self.plant(patch)
            return Campaign(setup, self.seed, Budget(self.examples or examples), ends_early=True).run()


_ADD = "sf:1 00 01011 shift:2 0 {} imm6:6 {} rd:5"
_DECODER = (
    ("Rn and Rm have changed places", encoded(**{"ADD (shifted register)": _ADD.format("rn:5", "rm:5")}),
     "text", "ADD (shifted register): add", "0b010000  add w0, w1, w0", 2),
    ("EXTR of W may begin beyond bit 31", changed("EXTR", valid=lambda sf, n: n == sf),
     "allocation", "EXTR: ", r"138080[02]0  (ror w0, w0|extr w0, w1, w0), #32", 2),
    ("what is general is tried before what is special", planting.general_first,
     "text", "HINT: hint", r"d5032[0-9a-f]{3}  hint #\d+", 2),
    ("SMULH and UMULH have changed places",
     encoded(SMULH=the("UMULH").pattern.text, UMULH=the("SMULH").pattern.text),
     "text", "SMULH: smulh", "9bc07c00  smulh x0, x0, x0", 2),
    ("BR ignores what is behind Rn", encoded(BR="1101011 0000 11111 000000 rn:5 xxxxx"),
     "allocation", "BR: br", r"d61f00[0-9a-f]{2}  br x0", 2),
)  # fmt: skip

_DISASSEMBLER = (
    ("LSR begins one bit early", aliased("UBFM", "lsr", when=lambda sf, imms: imms >= (62 if sf else 30)),
     "text", "UBFM: lsr", r"[0-9a-f]{8}  lsr [wx]0, [wx]0, #\d+", 2),
    ("number 31 is ZR where it is SP", written("ADD (immediate)", "add", right="{rd:RSP}", wrong="{rd:R}"),
     "text", "ADD (immediate): add", r"11[0-9a-f]{6}  add wzr, w0, #(1|0, lsl #12)", 8),
    ("an offset is not scaled",
     written("LDR (immediate)", "ldr {rt:X}, [{rn:XSP}{imm12", right="offset(8)", wrong="offset(1)"),
     "text", "LDR (immediate): ldr", r"f9400400  ldr x0, \[x0, #1\]", 2),
    ("the sign is lost", unsigned("LDUR", "ldur {rt:X}", "imm9"),
     "text", "LDUR: ldur", r"f85ff000  ldur x0, \[x0, #1\]", 2),
    ("CSET has the condition that is encoded", aliased("CSINC", "cset", asm="cset {rd:R}, {cond:cond}"),
     "text", "CSINC: cset", "1a9f07e0  cset w0, eq", 2),
)  # fmt: skip

_SEMANTICS = (
    ("SUBS adds the negation, which has no carry of zero",
     changed("SUBS (shifted register)", semantics=planting.subs_without_borrow),
     "flags", "SUBS (shifted register): ", r"6b0000[01][0f]  (subs w0, w0, w0|cmp w0, w0)\n.*", 10),
    ("LDRSW does not extend the sign",
     changed("LDRSW (immediate)", "ldrsw {rt:X}, [{rn:XSP}{imm12", semantics=planting.ldrsw_zero_extending),
     "registers", "LDRSW (immediate): ldrsw", r"b980[0-9a-f]{4}  ldrsw x0, \[.*\]\n.*", 10),
    ("LSLV takes the amount modulo 64", changed("LSLV", semantics=planting.lslv_of_64_bits),
     "registers", "LSLV: lsl", r"1ac[01]2000  lsl w0, w0, w[01]\n.*  x[01] = 0x20\n.*", 7),
    ("CSNEG inverts", changed("CSNEG", semantics=planting.csneg_inverting),
     "registers", "CSNEG: ", r"5a8[0-9a-f]{5}  cs?neg w0, .*", 7),
    ("ANDS leaves C as it is", changed("ANDS (shifted register)", semantics=planting.ands_keeping_carry),
     "flags", "ANDS (shifted register): ", r"6a0000[01][0f]  (ands w0, w0, w0|tst w0, w0)\n.*nzcv = 0010", 7),
)  # fmt: skip

_NOTHING = "\nwith nothing set in its state"
_PLAIN = r"[0-9a-f]{8}  [^\n]*\nwith (nothing set in its state|x0=0x40008800)"
_STEP_UNIT = (
    ("PSTATE.SS is not cleared by the instruction", planting.ss_not_cleared, PROBE_BY_STEP, "new-exception", _PLAIN),
    ("PSTATE.SS is not cleared on exception entry", planting.ss_kept_on_entry, PROBE_BY_STEP, "pstate", _PLAIN),
    ("PSTATE.D is ignored", planting.mask_ignored, PROBE_BY_STEP, "astray", _PLAIN),
    ("EL1 is not stepped", planting.only_lower_levels, PROBE_BY_STEP, "new-exception", _PLAIN),
    ("EX is told of each instruction", planting.after_any_instruction, STEPPED, "step exception", ".*"),
)

_VERDICT = (
    ("BL is accepted", BL, PROBE, "new-exception", "BL", f"94000002  bl 0x40040008{_NOTHING}", 21),
    ("ADR is accepted", ADR, PROBE, "result", "ADR", f"10000000  adr x0, 0x40040000{_NOTHING}", 13),
    ("LDR (literal) is accepted", LDR_LITERAL, PROBE, "", "LDR (literal)",
     r"18[0-9a-f]{6}  ldr w0, 0x4\w+\nwith (nothing set in its state|MMU on)", 13),
    ("MRS is accepted", MRS, PROBE, "result", "MRS: ", rf"d53.....  mrs x0, \w+{_NOTHING}", 21),
    ("exclusives are accepted", EXCLUSIVE, PROGRAMS, "end", "",
     r"(?=.*// probed).* ld\w*x\w* [^\n]*\n +st\w*x\w* w26, .*", 23),
)  # fmt: skip

BUGS = (
    *(Bug("decoder", name, plant, DECODE, *found) for name, plant, *found in _DECODER),
    *(Bug("disassembler", name, plant, DECODE, *found) for name, plant, *found in _DISASSEMBLER),
    *(Bug("semantics", name, plant, EXECUTE, *found) for name, plant, *found in _SEMANTICS),
    *(Bug("step unit", name, plant, command, kind, "", small, 1, 5)
      for name, plant, command, kind, small in _STEP_UNIT),
    *(Bug("kprobe verdict", name, accepted("strict", words), command, kind, place, small, seed)
      for name, words, command, kind, place, small, seed in _VERDICT),
)  # fmt: skip
"""Five of each layer."""


def main(seeds: list[int]) -> None:
    """Tell how many examples each bug takes with some seeds, all by default."""
    planting.make_tables()
    for bug in BUGS:
        for seed in seeds:
            start = time.perf_counter()
            report = attrs.evolve(bug, seed=seed, examples=None).campaign()
            seconds = time.perf_counter() - start
            first = min((finding.example for finding in report.unexplained), default=None)
            print(f"{bug.layer}: {bug.name}: seed {seed}: example {first} of {report.examples}, {seconds:.1f} s")  # noqa: T201  (a script of ours)


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]])
