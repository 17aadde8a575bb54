"""Pictures as a browser takes them: PNG of 8 bits a channel, not interlaced."""

import struct
import zlib
from collections import Counter


class Picture:
    """Pixels, each a tuple of channels, by row."""

    def __init__(self, data):
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        chunks = dict.fromkeys((b"IHDR", b"IDAT"), b"")
        at = 8
        while at < len(data):
            (size,) = struct.unpack_from(">I", data, at)
            kind = data[at + 4 : at + 8]
            if kind in chunks:
                chunks[kind] += data[at + 8 : at + 8 + size]
            at += size + 12
        self.width, self.height, depth, colour, *_, interlaced = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
        assert (depth, interlaced) == (8, 0)
        self._channels = {2: 3, 6: 4}[colour]
        self.rows = [self._pixels(line) for line in self._lines(zlib.decompress(chunks[b"IDAT"]))]

    def _pixels(self, line):
        return list(zip(*[iter(line)] * self._channels, strict=True))

    def _lines(self, raw):
        size = self.width * self._channels
        above = bytearray(size)
        for at in range(0, len(raw), size + 1):
            above = self._unfiltered(raw[at], bytearray(raw[at + 1 : at + 1 + size]), above)
            yield above

    def _unfiltered(self, kind, line, above):
        """A line from what it differs by from the pixels to the left and above (PNG: Filter types)."""
        step = self._channels
        for index in range(len(line)):
            left = line[index - step] if index >= step else 0
            corner = above[index - step] if index >= step else 0
            up = above[index]
            line[index] = (line[index] + (0, left, up, (left + up) // 2, _paeth(left, up, corner))[kind]) & 0xFF
        return line

    def ink(self, left, top, right, bottom):
        """The share of the pixels of a box that are not like its most frequent one."""
        seen = Counter[tuple[int, ...]]()
        for row in self.rows[round(top) : round(bottom)]:
            seen.update(row[round(left) : round(right)])
        return 1 - max(seen.values()) / seen.total()


def _paeth(left, up, corner):
    return min((left, up, corner), key=lambda each: abs(left + up - corner - each))
