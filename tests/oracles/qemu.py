"""QEMU's `virt` machine as an oracle: run a bare-metal ELF file there, get what it printed and how it ended."""

import subprocess
from enum import IntEnum
from pathlib import Path

import attrs


class StartLevel(IntEnum):
    """Exception level at which a program starts; it is also the highest level the machine implements."""

    EL1 = 1
    EL2 = 2
    EL3 = 3

    @property
    def machine(self) -> str:
        """QEMU's -M option. EL3 comes with EL2, as it does in the interpreter."""
        return {
            StartLevel.EL1: "virt",
            StartLevel.EL2: "virt,virtualization=on",
            StartLevel.EL3: "virt,virtualization=on,secure=on",
        }[self]


@attrs.frozen
class QemuResult:
    """What a guest left behind: its UART output, and the status it gave to semihosting's SYS_EXIT."""

    stdout: str
    exit_status: int


def run_qemu(elf: Path, *, el: int = 1, cpu: str = "max", stdin: str = "", timeout: float = 60) -> QemuResult:
    """Run `elf` from its entry point at exception level `el` (1, 2 or 3), with 128 MiB of RAM at 0x40000000.

    `stdin` is what the guest receives on its UART; `timeout` is in seconds. A guest must end by itself, through
    semihosting or PSCI.

    Raises:
        ValueError: `el` is not 1, 2 or 3.
        subprocess.TimeoutExpired: the guest did not end.
    """
    command = ["qemu-system-aarch64", "-M", StartLevel(el).machine, "-cpu", cpu, "-m", "128M"]
    command += ["-display", "none", "-serial", "stdio", "-monitor", "none"]
    command += ["-semihosting-config", "enable=on,target=native", "-kernel", str(elf)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
    return QemuResult(stdout=done.stdout, exit_status=done.returncode)
