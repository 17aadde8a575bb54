"""The commands in the documentation, with the output shown beneath them. Run as a script, it records them anew.

    python -m tests.documentation

A `console` block holds `$ command` lines, each followed by what the command prints (stdout and stderr, as a terminal
shows them). `a64` and `python` are this tree's.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = tuple(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md"))

_BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
_SHELL_SETUP = f'a64() {{ {sys.executable} -m cli "$@"; }}; python() {{ {sys.executable} "$@"; }}; '


def output_of(command: str) -> str:
    """What a shell in the root of the tree prints for `command`, 100 columns wide and without colour."""
    environment = {**os.environ, "COLUMNS": "100", "NO_COLOR": "1"}
    done = subprocess.run(
        ["bash", "-c", _SHELL_SETUP + command],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout


def commands(block: str) -> Iterator[tuple[str, str]]:
    """(command, the output shown for it) of a console block."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def shown_commands() -> Iterator[tuple[str, str, str]]:
    """(page, command, output shown) for every command of the documentation."""
    for page in PAGES:
        for block in _BLOCK.findall(page.read_text()):
            for command, shown in commands(block):
                yield page.name, command, shown


def documented(subject: str) -> set[str]:
    """The fields of JSON that the README tells of something."""
    (row,) = re.findall(rf"^\| {subject} \| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    return set(re.findall(r"`([a-z_]+)`", re.sub(r"\(`[^)]*\)", "", row)))


def _recorded(block: re.Match[str]) -> str:
    runs = "".join(f"$ {command}\n{output_of(command)}" for command, _ in commands(block[1]))
    return f"```console\n{runs}```"


def record() -> None:
    """Write what every command prints now beneath it."""
    for page in PAGES:
        page.write_text(_BLOCK.sub(_recorded, page.read_text()))


if __name__ == "__main__":
    record()
