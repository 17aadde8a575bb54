"""`a64 fuzz decode`: our decoder beside another one, or held to its own laws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from cli import console
from cli.fuzz.options import decoder_option, timeout_option, with_campaign_options

if TYPE_CHECKING:
    from cli.fuzz.options import CampaignOptions


@click.command(
    short_help="Decoders: words, and what two make of them.",
    epilog=console.examples(
        "a64 fuzz decode --oracle llvm",
        "a64 fuzz decode --oracle capstone --seconds 60 --workers 2",
        "a64 fuzz decode --oracle-cmd 'python my_decoder.py' --text exact",
    ),
)
@decoder_option("laws alone")
@click.option("--isolated", is_flag=True, help="Ask NAME in a process of its own, which it may kill.")
@click.option("--oracle-cmd", metavar="COMMAND", help="A program to compare with.")
@timeout_option("The seconds it has for 5,000 words; less for fewer, but not below 5 (or S).")
@click.option(
    "--text",
    type=click.Choice(["exact", "meaning", "none"]),
    help="How texts are compared: exact (llvm's default), meaning (that of all others), none.",
)
@with_campaign_options(examples=100_000)
@click.pass_context
def decode(
    ctx: click.Context,
    /,
    campaign_options: CampaignOptions,
    oracle: str,
    isolated: bool,
    oracle_cmd: str | None,
    timeout: float,
    text: str | None,
) -> None:
    """Draw words, and compare what our decoder and another one make of each.

    Words are encodings of implemented instructions, each as likely, often with fields at their limits or near the
    condition of an alias; with ignored bits set; one bit away from an encoding; not implemented; or any. Compared is
    whether a word is allocated, and its text: to the letter, or by its meaning, where a text that assembles to the same
    word is as good. What we do not implement (a64 isa --unsupported) is not compared. Without an oracle, words are held
    to laws: what decodes encodes back, and each way to write an instruction assembles to it.

    A word for which the other decoder crashes, hangs or gives no answer is a finding; the campaign goes on without it.
    Only an oracle by NAME that kills the process it is in, or hangs, ends all, unless it is --isolated.

    Of llvm and capstone it is known where they are wrong by the architecture's pseudocode, or older than it; such
    differences are counted, and not shown.

    COMMAND is run for each batch of words. It reads one word a line, 8 hexadecimal digits, and writes one line for
    each: the disassembly; or nothing, or "undefined", for an unallocated encoding; or "allocated", if it has no text.
    PC-relative operands are offsets in bytes: "b #8". It ends when its input does, with status 0. When it does not, it
    is run again to find the word: a program that flushes its output makes that quick. A package may have entry points
    in the group aarch64_kprobes.decoders instead: see aarch64.fuzz.oracles.

    \b
    Exit status:
      0    nothing was found
      1    something was found
      2    wrong usage, or the oracle is not there or does not answer as it
           should; what was found until then is told and saved
      130  Ctrl-C ended it; what was found until then is told and saved
    """  # noqa: D301  (\b is click's mark for text to be left as it is)
    from aarch64.fuzz.decode import SELF, DecodeSetup, TextRule  # noqa: PLC0415  (a wrong command line does without)
    from cli.fuzz.running import run_campaign  # noqa: PLC0415

    if oracle_cmd is not None and oracle != SELF:
        raise click.UsageError("--oracle and --oracle-cmd exclude one another", ctx)
    if isolated and oracle == SELF:
        raise click.UsageError("--isolated is for a decoder by its name: --oracle NAME", ctx)
    setup = DecodeSetup(oracle, oracle_cmd or "", timeout, TextRule(text) if text else None, isolated=isolated)
    ctx.exit(run_campaign(setup, campaign_options))
