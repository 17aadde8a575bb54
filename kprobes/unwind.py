"""Frame records: the chain of calls that X29 begins ("Frame pointer", AAPCS64; unwind_frame, kernel/stacktrace.c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kprobes.host import MemoryFault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kprobes.host import Host

_ALIGNMENT = 8
_SIZE = 16


def frame_records(fp: int, host: Host) -> Iterator[tuple[int, int]]:
    """The X29 of each caller and the address it is returned to, without an authentication code; the newest call first.

    The chain ends at a frame pointer that is 0, is not aligned, has no memory, or does not lead up the stack.
    """
    while fp and fp % _ALIGNMENT == 0:
        try:
            record = host.read(fp, _SIZE)
        except MemoryFault:
            return
        above, link = (int.from_bytes(record[at : at + 8], "little") for at in (0, 8))
        if above and above <= fp:
            return
        yield above, host.without_pac(link)
        fp = above
