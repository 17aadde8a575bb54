"""`a64 fuzz probe`: instructions with a kprobe on them beside the same without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import console
from cli.fuzz.options import with_campaign_options
from kprobes.profiles import PROFILES, STRICT

if TYPE_CHECKING:
    from cli.fuzz.options import CampaignOptions


@click.command(
    short_help="Kprobes: one instruction in a state, probed and not.",
    epilog=console.examples(
        "a64 fuzz probe",
        "a64 fuzz probe --profile v4.8 --all",
        "a64 fuzz probe --programs --seed 1 --examples 200",
        "a64 fuzz probe --profile v7.2 --seconds 60 --workers 2",
    ),
)
@click.option(
    "--profile",
    type=click.Choice(tuple(PROFILES)),
    default=STRICT.name,
    show_default=True,
    help="Whose kprobes: our own strict ones, or a kernel's.",
)
@click.option("--programs", is_flag=True, help="Whole programs, with probes in a few places of each.")
@with_campaign_options(examples=10_000, programs=1_000)
@click.pass_context
def probe(ctx: click.Context, /, campaign_options: CampaignOptions, profile: str, programs: bool) -> None:
    """Draw instructions and states, and compare what each does with a kprobe on it and without.

    A probe has to change nothing but time: the state after it is the same, memory, system registers and the exception
    that the instruction ends with included. What the profile refuses is not compared. Of the kernels it is known what
    they do otherwise; that is counted, and shown with --all. Of strict, whatever is found is new.

    With --programs, programs with loops, calls and exclusive sequences are drawn, and with faults for strict, whose
    probes do not show in what faults tell. Probed here and there, a program has to come to the same end.

    a64 probe --audit searches systematically, and tells which encodings break the law; this one goes on for as long as
    you like.

    \b
    Exit status:
      0    nothing was found
      1    something was found
      2    wrong usage
      130  Ctrl-C ended it; what was found until then is told and saved
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    from cli.fuzz.running import run_campaign  # noqa: PLC0415  (a wrong command line does without)
    from kprobes.audit.fuzzing import ProbeSetup  # noqa: PLC0415
    from kprobes.audit.programs import ProgramSetup  # noqa: PLC0415

    setup = ProgramSetup(profile) if programs else ProbeSetup(profile)
    ctx.exit(run_campaign(setup, campaign_options))
