"""`a64 fuzz replay`: findings, checked again."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from aarch64.fuzz.target import Divergence
from cli import console
from cli.console import InputError, Span, Style
from cli.fuzz.divergences import divergence_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from aarch64.fuzz.findings import Finding
    from aarch64.fuzz.target import Setup, Verdict


SETUPS = {
    "decode": "aarch64.fuzz.decode:DecodeSetup",
    "execute": "aarch64.fuzz.execute:ExecuteSetup",
    "probe": "kprobes.audit.fuzzing:ProbeSetup",
    "probe-programs": "kprobes.audit.programs:ProgramSetup",
}
"""Where the setup of each target is that findings tell of."""


@click.command(
    short_help="Findings: does it still differ?",
    no_args_is_help=True,
    epilog=console.examples(
        "a64 fuzz replay fuzz-findings/*.json",
        "a64 fuzz replay --oracle-cmd ./my-decoder fuzz-findings/decode-text-8b000000.json",
    ),
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--oracle-cmd", metavar="COMMAND", help="The program to compare with, for findings about a program.")
@click.option("--all", "shows_known", is_flag=True, help="Take what differs for a known reason for differing, too.")
@click.option("--json", "is_json", is_flag=True, help="Print the outcome as JSON.")
@click.pass_context
def replay(
    ctx: click.Context, /, files: tuple[Path, ...], oracle_cmd: str | None, shows_known: bool, is_json: bool
) -> None:
    """Check the cases of findings again, each against the oracle that it was found with.

    A finding about a program (--oracle-cmd) names it, but it is run only when it is given again: a file is no reason to
    run a program.

    \b
    Exit status:
      0    nothing differs any more, or for a known reason only
      1    something still differs
      2    wrong usage, a file that is no finding, or the oracle is not there or does not answer as it should
      130  Ctrl-C ended it
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    replays = [_replayed(path, oracle_cmd) for path in files]
    if is_json:
        console.write_json({"replays": [item.as_json() for item in replays]})
    else:
        console.write(line for item in replays for line in item.lines())
    ctx.exit(int(any(item.differs(shows_known=shows_known) for item in replays)))


@attrs.frozen
class _Replay:
    """A finding, and what is said of its case now."""

    path: Path
    finding: Finding
    case: Sequence[str]
    """For people."""
    verdict: Verdict

    @property
    def divergence(self) -> Divergence | None:
        """What still differs."""
        return self.verdict if isinstance(self.verdict, Divergence) else None

    def differs(self, *, shows_known: bool) -> bool:
        """Whether it still differs, for no known reason unless `shows_known`."""
        return self.divergence is not None and (shows_known or not self.divergence.reason)

    def lines(self) -> Iterator[console.Line]:
        """The file, the case, and the difference if there is one."""
        if isinstance(self.verdict, Divergence):
            yield [f"{self.path}: ", Span(f"differs: {self.verdict.kind}", Style.BAD), f"  {self.verdict.place}"]
            yield from divergence_lines(self.finding.target, self.case, self.verdict)
            return
        yield [f"{self.path}: ", Span(self.verdict.value, Style.GOOD), f"  {self.case[0]}"]

    def as_json(self) -> dict[str, Any]:
        """The same as JSON."""
        return {
            "file": str(self.path),
            "case": self.finding.case,
            "verdict": "differs" if isinstance(self.verdict, Divergence) else self.verdict.value,
            "divergence": attrs.asdict(self.divergence) if self.divergence else None,
        }


def _replayed(path: Path, oracle_cmd: str | None) -> _Replay:
    from aarch64.fuzz.findings import load  # noqa: PLC0415  (a wrong command line does without)

    with console.blaming(str(path)):
        finding = load(path)
    try:
        setup = _setup(path, finding, oracle_cmd)
        with setup.opened() as target:
            case = target.from_json(finding.case)
            (verdict,) = target.check([case])
            return _Replay(path, finding, target.lines(case), verdict)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no finding: {error!r}") from error


def _setup(path: Path, finding: Finding, oracle_cmd: str | None) -> Setup[Any]:
    """Against whom a case is checked, as the file says; a program only as the command line says."""
    if finding.target not in SETUPS:
        raise InputError(f"{path}: there is no target {finding.target!r}: there are {', '.join(SETUPS)}")
    module, _, name = SETUPS[finding.target].partition(":")
    setup: Setup[Any] = getattr(import_module(module), name).from_json(finding.setup)
    command = finding.setup.get("command")
    if command is None:
        return setup
    if oracle_cmd is None:
        raise InputError(f"{path}: it was found with a program; to run it: --oracle-cmd {command!r}")
    return attrs.evolve(setup, command=oracle_cmd)  # type: ignore[misc]  # setups are records
