"""What the documentation shows is what happens: commands, Python, quoted source, and the two commands of the README."""

import re
import subprocess
import sys

import pytest

from tests.documentation import ROOT, output_of, shown_commands

SHOWN = list(shown_commands())


@pytest.mark.parametrize(
    ("command", "shown"),
    [(command, shown) for _, command, shown in SHOWN],
    ids=[f"{page}: {command}" for page, command, _ in SHOWN],
)
def test_a_command_prints_what_is_shown(command: str, shown: str) -> None:
    assert shown == output_of(command)


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)


def test_the_readme_python_runs() -> None:
    (block,) = python_blocks("README.md")
    done = subprocess.run([sys.executable, "-c", block], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "StopReason" in done.stdout


def test_contributing_quotes_the_source() -> None:
    source = "\n".join(path.read_text() for path in [*ROOT.glob("aarch64/isa/*.py"), *ROOT.glob("tests/isa/*.py")])
    blocks = python_blocks("CONTRIBUTING.md")
    assert blocks
    assert not [block for block in blocks if block not in source]
