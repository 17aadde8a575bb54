"""Mutants against tests, in a copy of the tree: what is interrupted leaves no mutated file behind."""

from __future__ import annotations

import compileall
import os
import resource
import shlex
import shutil
import subprocess
import sys
import time
import tomllib
from enum import Enum
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import TYPE_CHECKING

import attrs
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_item import TestOutcome, WorkerOutcome

if TYPE_CHECKING:
    from tests.mutation.mutants import Mutant

ROOT = Path(__file__).parents[2]
COPIED = ("aarch64", "kprobes", "cli", "tests", "examples", "pyproject.toml")
PYTEST = (
    *(sys.executable, "-m", "pytest", "-x", "-q", "--tb=no"),
    *("-p", "no:cacheprovider", "-p", "no:xdist", "--hypothesis-profile", "mutation"),
)
MOST_MEMORY = 4 << 30
"""Bytes that a test process may map: a loop without end may fill memory before its time is over."""


class Outcome(Enum):
    """What became of a mutant."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"


@attrs.frozen
class Target:
    """A file to be mutated.

    Attributes:
        file: its path from the root of the tree.
        mutants: how many are drawn.
        tests: arguments of pytest, of one run each, the quickest first: the tests that are to kill them.
    """

    file: str
    mutants: int
    tests: tuple[str, ...] = attrs.field(converter=tuple)

    @property
    def command(self) -> str:
        """The command that runs the tests, up to the first that fails."""
        runs = (shlex.join((*PYTEST, *shlex.split(arguments))) for arguments in self.tests)
        return shlex.join(("sh", "-c", " && ".join(runs)))


@attrs.frozen
class Plan:
    """What is mutated.

    Attributes:
        seed: of the sample.
        times_as_long: how much longer than those of the program the tests of a mutant may take;
        least_seconds: but so long in any case.
        targets: the files.
    """

    seed: int
    times_as_long: float
    least_seconds: float
    targets: tuple[Target, ...]


def read_plan() -> Plan:
    """The plan in `targets.toml`."""
    found = tomllib.loads(Path(__file__).with_name("targets.toml").read_text())
    targets = tuple(Target(**entry) for entry in found["target"])
    return Plan(found["seed"], found["times_as_long"], found["least_seconds"], targets)


def enter_copy(folder: Path) -> None:
    """Copy the tree to `folder`, and make it the current directory.

    Compiled files are told by what is in their sources, not by times: a mutant may be made within the same second as
    the one before it, and be as long.
    """
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copyfile
        copy(ROOT / name, folder / name)
    os.chdir(folder)
    compileall.compile_dir("aarch64", quiet=1, force=True, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))


def time_limit(target: Target, plan: Plan) -> float:
    """Run the tests of a target on the program as it is; the seconds that those of a mutant may take.

    Raises:
        SystemExit: they fail, so that they could not tell a mutant.
    """
    start = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        shlex.split(target.command), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{done.stdout}\n{target.file}: its tests fail without any mutant")
    return max(plan.least_seconds, plan.times_as_long * (time.monotonic() - start))


def outcome(mutant: Mutant, target: Target, timeout: float) -> Outcome:
    """Make the mutant, run the tests, and undo it."""
    result = mutate_and_test([mutant.spec], target.command, timeout)
    if result.worker_outcome is not WorkerOutcome.NORMAL or result.test_outcome is TestOutcome.INCOMPETENT:
        raise SystemExit(f"{mutant.change}: {result.output}")
    if result.output == "timeout":
        return Outcome.TIMEOUT
    return Outcome.SURVIVED if result.test_outcome is TestOutcome.SURVIVED else Outcome.KILLED
