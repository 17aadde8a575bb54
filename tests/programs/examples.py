"""The example programs, as `examples/expectations.toml` lists them. Run as a script, it records them from QEMU.

    python -m tests.programs.examples

records what every program prints and returns. The list itself (names, files, starting levels) is kept by hand.
"""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from tests.oracles.qemu import QemuResult, run_qemu

EXAMPLES = Path(__file__).parents[2] / "examples"
PROGRAMS = EXAMPLES / "programs"
EXPECTATIONS = EXAMPLES / "expectations.toml"


@attrs.frozen
class Example:
    """One program: the files that hold it (any of them can be run), where it starts, and what it then does."""

    name: str
    files: tuple[str, ...]
    el: int
    exit_status: int
    stdout: str

    @property
    def arguments(self) -> tuple[str, ...]:
        """The options of `a64 run` it needs."""
        return () if self.el == 1 else ("--el", str(self.el))

    @property
    def paths(self) -> tuple[Path, ...]:
        """Every file of `files`: ELF, and assembler source where the built-in assembler accepts it."""
        return tuple(PROGRAMS / file for file in self.files)

    @property
    def elfs(self) -> tuple[Path, ...]:
        """The built files among `paths`."""
        return tuple(path for path in self.paths if path.suffix == ".elf")


def load_examples() -> tuple[Example, ...]:
    """Every example, in the file's order."""
    entries: dict[str, dict[str, Any]] = tomllib.loads(EXPECTATIONS.read_text())
    return tuple(
        Example(name, tuple(e["files"]), e.get("el", 1), e["exit_status"], e["stdout"]) for name, e in entries.items()
    )


def _recorded(example: Example) -> Example:
    results: set[QemuResult] = {run_qemu(elf, el=example.el) for elf in example.elfs}
    assert len(results) == 1, f"{example.name}: its builds differ under QEMU: {results}"
    result = results.pop()
    return attrs.evolve(example, exit_status=result.exit_status, stdout=result.stdout)


def _toml(example: Example) -> Iterator[str]:
    yield f"[{example.name}]"
    yield f"files = {json.dumps(list(example.files))}"
    if example.el != 1:
        yield f"el = {example.el}"
    yield f"exit_status = {example.exit_status}"
    text = example.stdout.replace("\\", "\\\\").replace('"', '\\"')
    yield f'stdout = """\n{text}"""'


def record() -> None:
    """Run every program under QEMU and write what it did into the file, below the comment that opens it."""
    comment = [line for line in EXPECTATIONS.read_text().splitlines() if line.startswith("#")]
    sections = ["\n".join(_toml(_recorded(example))) for example in load_examples()]
    EXPECTATIONS.write_text("\n".join(comment) + "\n\n" + "\n\n".join(sections) + "\n")


if __name__ == "__main__":
    record()
