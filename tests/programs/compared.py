"""Programs built to run on two machines and be compared: the C examples as gcc can vary them, and some of our own.

Building needs make and Debian's gcc-aarch64-linux-gnu. What `make` finds up to date in the cache is not built again.
"""

import fcntl
import re
import subprocess
from pathlib import Path

from tests.programs.examples import EXAMPLES, PROGRAMS

HERE = Path(__file__).parent
CACHE = HERE / ".build"


def variants() -> tuple[str, ...]:
    """Names of the sets of flags each C program is built with; the Makefile says what they stand for."""
    found = re.search(r"^VARIANTS\s*:= (.*)$", (HERE / "Makefile").read_text(), re.MULTILINE)
    assert found is not None
    return tuple(found[1].split())


def c_programs() -> tuple[str, ...]:
    """Names of the C programs: the examples, and the one about atomic operations."""
    return (*sorted(path.stem for path in PROGRAMS.glob("*.c")), "atomics")


def build_c(program: str, variant: str) -> Path:
    """The ELF file of one C program in one variant. It starts at EL1."""
    return _build(f"{program}.{variant}.elf")


def build_exceptions() -> Path:
    """The ELF file that takes every exception, starting at EL1, EL2 or EL3."""
    return _build("exceptions.elf")


def build_debug() -> Path:
    """The ELF file that takes every debug exception, starting at EL1, EL2 or EL3."""
    return _build("debug.elf")


def build_translation() -> Path:
    """The ELF file that translates addresses and uses the MMU, starting at EL1, EL2 or EL3."""
    return _build("translation.elf")


def build_pauth() -> Path:
    """The ELF file that prints pointer authentication codes. It starts at EL1."""
    return _build("pauth.elf")


def build_firmware() -> Path:
    """The ELF file that echoes a line in upper case, asks PSCI questions, and turns the machine off. EL1."""
    return _build("firmware.elf")


def _build(name: str) -> Path:
    """Have `make` bring one file of the cache up to date, one process at a time.

    Raises:
        subprocess.CalledProcessError: it does not compile, or there is no compiler; stderr says which.
    """
    CACHE.mkdir(exist_ok=True)
    target = CACHE / name
    command = ["make", "--silent", "-C", str(EXAMPLES), "-f", str(HERE / "Makefile"), f"OUT={CACHE}", str(target)]
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(command, check=True)
    return target
