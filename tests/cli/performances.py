"""What pictures and pages are made of in tests: every lane, hits within hits, a refusal, a return."""

import functools
import struct
from pathlib import Path

from elftools.elf.elffile import ELFFile

from aarch64.assembler import assemble_source
from aarch64.machine import Machine
from cli.lessons import LESSONS
from cli.lessons.stage import probed
from cli.xol.act import Act
from cli.xol.episode import Outcome, Refusal
from cli.xol.performance import Performance
from kprobes import PROFILES, V5_10, V7_2, V15, Kprobe, Kprobes

ROOT = Path(__file__).parents[2]
PAGING = ROOT / "examples" / "programs" / "kernel_paging.elf"
HOSTILE = "</script><img src=x onerror=alert(1)>"

NESTED = """
_start: msr     daifclr, #8
        ldr     x0, =0x40100000
        mov     sp, x0
        bl      square
done:   b       .
square: mul     x0, x0, x0
        ret
helper: add     x2, x2, #1
        ret
"""


def _ignore(*_):
    return None


def _nested(profile):
    """A pre-handler calls a function that is probed, too."""
    machine = Machine()
    machine.load(assemble_source(NESTED, filename="nested.s"))
    kprobes = Kprobes(machine, profile)

    def call(*_):
        machine.call("helper")

    outer = Kprobe("square", pre_handler=call, post_handler=_ignore)
    kprobes.register(outer)
    kprobes.register(Kprobe("helper", post_handler=_ignore))
    return _act(machine, kprobes, outer, "a hit within a hit").hit(1)


def _act(machine, kprobes, probe, title):
    def run(until):
        return machine.run(20_000 - machine.cpu.cycles, until=until)

    return Act(
        kprobes,
        probe,
        run,
        event="q",
        spec="p square",
        title=title,
        outcome=lambda _player, _story: Outcome("All is well.", {"exceptions": 3}),
    )


def stepped(profile=V15):
    return probed("normal", "p square", profile, f"MUL by {profile.name}").hit(1)


def returned():
    return probed("normal", "r square", V7_2, "a function returns").hit(1)


def refused():
    return probed("normal", "p square+4", V15, "RET is refused")


def _lesson(name, *scenes):
    texts = ("what it is about", ("Look at this.", "And at that."), "Why?", "Because it is so.")
    return Performance(scenes, name, *texts)


MAKERS = {
    "a hit": lambda: Performance((stepped(),)),
    "a refusal": lambda: Performance((refused(),)),
    "two hits": lambda: _lesson("compared", stepped(V15), stepped(V5_10)),
    "everything": lambda: _lesson("everything", stepped(), _nested(V5_10), refused(), returned()),
    "a return": lambda: Performance((returned(),)),
    "a hit within a hit": lambda: Performance((_nested(V15),)),
    **{f"a hit by {name}": functools.partial(lambda profile: Performance((stepped(profile),)), profile)
       for name, profile in PROFILES.items()},
    **{f"the lesson {name}": lesson.perform for name, lesson in LESSONS.items()},
}  # fmt: skip


@functools.cache
def performance(name):
    return MAKERS[name]()


def renamed(file, symbol, name):
    """The bytes of an ELF file, with a symbol called otherwise."""
    with file.open("rb") as stream:
        elf = ELFFile(stream)
        names, symbols = elf.get_section_by_name(".strtab"), elf.get_section_by_name(".symtab")
        (index,) = [index for index, each in enumerate(symbols.iter_symbols()) if each.name == symbol]
        header = elf["e_shoff"] + elf.get_section_index(".strtab") * elf["e_shentsize"]
        entry = symbols["sh_offset"] + index * symbols["sh_entsize"]
        table = names.data()
    changed = bytearray(file.read_bytes())
    struct.pack_into("<I", changed, entry, len(table))
    struct.pack_into("<QQ", changed, header + 24, len(changed), len(table) + len(name) + 1)
    return bytes(changed + table + name + b"\0")


def stops():
    """What a page of everything has to show, in its order: of a moment fragment, scene, title, sentence and number."""
    for number, scene in enumerate(performance("everything").scenes, start=1):
        if isinstance(scene, Refusal):
            yield [f"#s{number}", f"s{number}", "", "", ""]
            continue
        for row, moment in enumerate(scene.story.moments, start=1):
            yield [f"#s{number}m{row}", f"s{number}", moment.title, moment.why, str(row)]
