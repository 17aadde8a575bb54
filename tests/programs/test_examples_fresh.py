"""No committed example is older than its sources.

Here the record made at build time, `SHA256SUMS`, is compared with the files: that needs no cross compiler. Whether the
record tells the truth is for `make -C examples check-fresh`, which builds everything again, where there is one.
"""

from hashlib import sha256
from pathlib import Path

from tests.programs.examples import EXAMPLES, PROGRAMS


def _recorded() -> dict[str, str]:
    lines = (PROGRAMS / "SHA256SUMS").read_text().splitlines()
    return {name: digest for digest, name in (line.split("  ") for line in lines)}


def _changed(recorded: dict[str, str], programs: Path) -> set[str]:
    return {name for name, digest in recorded.items() if sha256((programs / name).read_bytes()).hexdigest() != digest}


def _inputs(elf: str, recorded: dict[str, str]) -> set[str]:
    """The recorded files an ELF file is built from; a C program's has its variant in its name, as in lz.O2.elf."""
    program, *variant, _ = elf.split(".")
    runtime = {name for name in recorded if name.startswith("runtime/")}
    return {"../Makefile", f"{program}.c", *runtime} if variant else {"../Makefile", f"{program}.s", "runtime/link.ld"}


def _stale(recorded: dict[str, str], programs: Path) -> dict[str, list[str]]:
    """Each stale ELF file, with the files that changed after it was recorded."""
    changed = _changed(recorded, programs)
    elfs = [name for name in recorded if name.endswith(".elf")]
    culprits = {elf: sorted(changed & ({elf} | _inputs(elf, recorded))) for elf in elfs}
    return {elf: names for elf, names in culprits.items() if names}


def test_no_binary_is_stale() -> None:
    assert not _stale(_recorded(), PROGRAMS), "run make -C examples and commit what it built"


def test_the_record_covers_every_file() -> None:
    files = [EXAMPLES / "Makefile", *PROGRAMS.glob("*.[cs]"), *PROGRAMS.glob("*.elf"), *PROGRAMS.glob("runtime/*")]
    assert {file.resolve() for file in files} == {(PROGRAMS / name).resolve() for name in _recorded()}


def test_a_changed_source_makes_its_binaries_stale() -> None:
    recorded = _recorded() | {"lz.c": "0" * 64}
    expected = {"lz.O2.elf": ["lz.c"], "lz.O3.elf": ["lz.c"]}
    assert expected == _stale(recorded, PROGRAMS)


def test_a_changed_makefile_makes_every_binary_stale() -> None:
    recorded = _recorded() | {"../Makefile": "0" * 64}
    assert {path.name for path in PROGRAMS.glob("*.elf")} == set(_stale(recorded, PROGRAMS))
