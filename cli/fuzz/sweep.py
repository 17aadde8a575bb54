"""`a64 fuzz sweep`: all 2^32 words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import console
from cli.fuzz.options import decoder_option, timeout_option
from cli.numbers import parse_count

if TYPE_CHECKING:
    from aarch64.fuzz.sweep.plan import Plan
    from aarch64.fuzz.sweep.sweeping import Engine

_SAVED_IN = Path("fuzz-sweep")
_WORDS = 1 << 20
_REGION = re.compile(r"(?:0x)?([0-9a-f]{1,8})-(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)
_POWER = re.compile(r"2\^([0-9]|[12][0-9]|3[0-2])")


def _parse_words(text: str) -> int:
    power = _POWER.fullmatch(text)
    return 1 << int(power[1]) if power else parse_count(text)


def _parse_region(text: str) -> tuple[int, int]:
    found = _REGION.fullmatch(text)
    first, last = (int(found[1], 16), int(found[2], 16)) if found else (1, 0)
    if first > last:
        raise click.BadParameter(f"{text!r} is not FIRST-LAST, two words in hexadecimal: 0x0b000000-0x0b00ffff")
    return first, last


@click.command(
    short_help="All 2^32 words: what each is, and what another decoder says.",
    epilog=console.examples(
        "a64 fuzz sweep                                our decoder, held to its table",
        "a64 fuzz sweep --oracle capstone --words 2^28 --workers 2",
        "a64 fuzz sweep --oracle llvm --brute --region d5000000-d5ffffff",
        "a64 fuzz sweep --oracle llvm --brute --dask   on a cluster of this machine",
        "a64 fuzz sweep --oracle llvm --brute --dask tcp://10.0.0.1:8786",
    ),
)
@decoder_option("nobody")
@click.option("--oracle-cmd", metavar="COMMAND", help="A program to compare with, as for a64 fuzz decode.")
@timeout_option("The seconds it has for a batch of words.")
@click.option("--words", type=_parse_words, metavar="N", help="Look at N words: 1000000 or 2^28; 2^20 by default.")
@click.option("--brute", is_flag=True, help="Look at every single word.")
@click.option(
    "--region", type=_parse_region, metavar="FIRST-LAST", default="00000000-ffffffff", help="Only these words."
)
@click.option("--seed", type=parse_count, metavar="N", default="0", show_default=True, help="Which words of a set.")
@click.option(
    "--state",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    default=_SAVED_IN,
    show_default=True,
    help="Where what is done is kept.",
)
@click.option(
    "--workers", type=click.IntRange(min=1), metavar="N", default=1, show_default=True, help="Processes that work."
)
@click.option(
    "--dask",
    is_flag=False,
    flag_value="",
    metavar="[ADDRESS]",
    help="Work on the Dask cluster with this scheduler; without an address, on one of N processes here.",
)
@click.option("--json", "is_json", is_flag=True, help="Print the report as JSON.")
@click.pass_context
def sweep(
    ctx: click.Context,
    /,
    oracle: str,
    oracle_cmd: str | None,
    timeout: float,
    words: int | None,
    brute: bool,
    region: tuple[int, int],
    seed: int,
    state: Path,
    workers: int,
    dask: str | None,
    is_json: bool,
) -> None:
    """Classify every 32-bit word, and ask another decoder whether it is allocated.

    The definitions divide the words into sets that nothing in the table can tell apart: the bits that are free are
    those that no pattern fixes and no rule of validity looks at. Each set belongs to one definition, or to none. So
    all words are counted exactly, and N of them are looked at, of each set as many as of another, or all that it has:
    our decoder has to find what the table says, and the other one has to agree whether the word is allocated. With
    --brute it is every word: of another decoder it is not known what it cannot tell apart.

    What we do not implement (a64 isa --unsupported) is asked for, but a difference there is only counted. So are
    differences that are known: the oracle is wrong by the architecture's pseudocode, or older than it.

    What is done is kept in DIR, a line for each shard of words. The same command goes on from there, after Ctrl-C as
    after the end of the process or the machine. A worker that is killed, here or in a cluster, takes nothing along:
    another one does its shard again. Machines of a cluster need this package, the same version of it, and the oracle.

    \b
    Exit status:
      0    nothing was found
      1    something was found
      2    wrong usage; DIR is of another sweep; or the oracle or the cluster is not there or does not do as it should
      130  Ctrl-C ended it; what was done until then is told and kept
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    from cli.fuzz.sweeping import run_sweep  # noqa: PLC0415  (a wrong command line does without)

    if oracle_cmd is not None and oracle != "self":
        raise click.UsageError("--oracle and --oracle-cmd exclude one another", ctx)
    if brute and words is not None:
        raise click.UsageError("--brute looks at every word: --words makes no sense with it", ctx)
    plan = _plan(oracle, oracle_cmd, timeout, None if brute else words or _WORDS, region, seed)
    ctx.exit(run_sweep(plan, state, _engine(dask, workers), is_json=is_json))


def _plan(
    oracle: str, oracle_cmd: str | None, timeout: float, words: int | None, region: tuple[int, int], seed: int
) -> Plan:
    from aarch64.fuzz.decode import DecodeSetup, TextRule  # noqa: PLC0415
    from aarch64.fuzz.sweep.plan import Plan, Region  # noqa: PLC0415

    return Plan(DecodeSetup(oracle, oracle_cmd or "", timeout, TextRule.NONE), words, Region(*region), seed)


def _engine(dask: str | None, workers: int) -> Engine:
    if dask is not None:
        from aarch64.fuzz.sweep.cluster import cluster  # noqa: PLC0415  (heavy, and not for everybody)

        return cluster(dask or None, workers)
    from aarch64.fuzz.sweep.sweeping import workers as processes  # noqa: PLC0415

    return processes(workers)
