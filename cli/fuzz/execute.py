"""`a64 fuzz execute`: our semantics beside another emulator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import console
from cli.fuzz.options import with_campaign_options

if TYPE_CHECKING:
    from cli.fuzz.options import CampaignOptions


@click.command(
    short_help="Emulators: one instruction in a state, on two.",
    epilog=console.examples(
        "a64 fuzz execute",
        "a64 fuzz execute --tier blocks --seconds 60 --workers 2",
        "a64 fuzz execute --seed 1 --examples 100000 --json",
    ),
)
@click.option(
    "--oracle",
    metavar="NAME",
    default="unicorn",
    show_default=True,
    help="Whom to compare with: unicorn, or an entry point.",
)
@click.option(
    "--tier",
    type=click.Choice(["exact", "blocks", "stepped"]),
    default="exact",
    show_default=True,
    help="Which of our tiers: the semantics, what the hot path compiles of each instruction, or software step going "
    "through each, whose exceptions have to tell what the architecture says.",
)
@with_campaign_options(examples=30_000)
@click.pass_context
def execute(ctx: click.Context, /, campaign_options: CampaignOptions, oracle: str, tier: str) -> None:
    """Draw instructions and states, and compare what our interpreter and another emulator do.

    An instruction that works on general-purpose registers, flags, PC and memory finds registers at random, often at the
    edges of arithmetic; base registers point to memory. Compared are an exception, the PC, the registers, the flags,
    and memory after a store; and a case for which the other one raises something or gives no outcome is a finding. Of
    Unicorn it is known where it is wrong by the architecture's pseudocode, or older than it; such differences are
    counted, and not shown.

    A package may have entry points in the group aarch64_kprobes.emulators: see aarch64.fuzz.oracles.

    \b
    Exit status:
      0    nothing was found
      1    something was found
      2    wrong usage, or the oracle is not there or does not answer as it
           should; what was found until then is told and saved
      130  Ctrl-C ended it; what was found until then is told and saved
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    from aarch64.fuzz.execute import ExecuteSetup, Tier  # noqa: PLC0415  (a wrong command line does without)
    from cli.fuzz.running import run_campaign  # noqa: PLC0415

    ctx.exit(run_campaign(ExecuteSetup(oracle, Tier(tier)), campaign_options))
