"""The programs about pointer authentication and the board do their work under QEMU."""

import re

from tests.oracles.qemu import QemuResult, run_qemu
from tests.programs.compared import build_firmware, build_pauth


def test_signed_pointers_authenticate() -> None:
    result = run_qemu(build_pauth())
    assert result.exit_status == 0
    rows = [dict(re.findall(r"(\w+)=(\w+)", line)) for line in result.stdout.splitlines() if "signed=" in line]
    assert len(rows) == 4 * 4 * 5 * 2
    canonical = [row for row in rows if row["pointer"] in {"0000000040100000", "ffffffffff081234"}]
    assert [row["pointer"] for row in canonical] == [row["good"] for row in canonical]
    assert not [row for row in canonical if row["pointer"] in {row["moved"], row["other"]}]


def test_the_board_answers() -> None:
    expected = """\
HELLO, UART
version:      00010001
system off:   00000000
system reset: 00000000
no function:  ffffffff
not there:    ffffffff
"""
    assert QemuResult(expected, 0) == run_qemu(build_firmware(), stdin="Hello, UART\n")
