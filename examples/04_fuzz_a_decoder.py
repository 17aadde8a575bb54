"""Somebody's decoder, fuzzed: a program that reads words and writes text, and has five bugs.

python examples/04_fuzz_a_decoder.py            find them
python examples/04_fuzz_a_decoder.py --decode   be that decoder, as a64 fuzz decode --oracle-cmd runs it
"""

import shlex
import sys

from aarch64 import decode, disassemble

EXAMPLES = 20_000


# --- the decoder, which is ours but for what is wrong with it


def swaps_registers(word: int, text: str) -> str:
    """MSUB: the registers to multiply are taken for the ones to subtract from and to multiply."""
    decoded = decode(word)
    if decoded is None or decoded.definition.title != "MSUB" or decoded.fields["ra"] == 31:
        return text
    name, rd, rn, rm, ra = text.replace(",", "").split()
    return f"{name} {rd}, {rn}, {ra}, {rm}"


def forgets_always(_word: int, text: str) -> str:
    """CSINC, CSINV and CSNEG of one register are CINC, CINV and CNEG, but not with AL."""
    name, *operands = text.replace(",", "").split()
    if name not in ("csinc", "csinv", "csneg") or operands[3] != "al" or operands[1] != operands[2]:
        return text
    return f"{name.replace('s', '', 1)} {operands[0]}, {operands[1]}, nv"


def forgets_the_limit(word: int, text: str) -> str:
    """ADD (extended register) shifts by 4 at most: beyond that, it is unallocated."""
    if word & 0x7FE0_0000 != 0x0B20_0000 or word >> 10 & 7 <= 4:
        return text
    at_the_limit = disassemble(word & ~(7 << 10) | 4 << 10)
    return at_the_limit.replace("#4", f"#{word >> 10 & 7}")


def forgets_the_sign(word: int, text: str) -> str:
    """LDUR has an offset of 9 bits, from -256 to 255."""
    offset = word >> 12 & 0x1FF
    return text.replace(f"#{offset - 512}", f"#{offset}") if text.startswith("ldur ") else text


CONDITIONS = ("eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le", "al")


def forgets_never(word: int, text: str) -> str:
    """B.cond has sixteen conditions: NV, the last one, is as good as AL."""
    if word & 0xFF00_0010 != 0x5400_0000:
        return text
    return f"b.{CONDITIONS[word & 15]} {text.partition(' ')[2]}"


BUGS = (swaps_registers, forgets_always, forgets_the_limit, forgets_the_sign, forgets_never)


def answer(word: int) -> str:
    """A line for a word."""
    decoded = decode(word)
    text = disassemble(word) if decoded and not decoded.definition.unsupported else "undefined"
    for bug in BUGS:
        text = bug(word, text)
    return text


# --- the campaign


def main() -> None:
    """Find what is wrong with it."""
    from aarch64.fuzz.campaign import Budget, Campaign  # noqa: PLC0415  (the decoder does without: it starts often)
    from aarch64.fuzz.decode import DecodeSetup  # noqa: PLC0415

    decoder = shlex.join([sys.executable, __file__, "--decode"])
    report = Campaign(DecodeSetup(command=decoder), seed=1, budget=Budget(EXAMPLES)).run()
    for finding in report.findings:
        divergence = finding.divergence
        print(f"{divergence.kind}: {divergence.place}")
        print(f"  {finding.lines[0]}")
        print(f"  it says: {divergence.theirs}")


if __name__ == "__main__":
    if "--decode" in sys.argv:
        for line in sys.stdin:
            print(answer(int(line, 16)))
    else:
        main()
