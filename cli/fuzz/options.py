"""What all campaigns take: a seed, a budget, workers, and what becomes of findings."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from cli.numbers import parse_count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAVED_IN = Path("fuzz-findings")


@attrs.frozen
class CampaignOptions:
    """How the command line asks for a campaign to be run."""

    seed: int | None
    examples: int | None
    seconds: float | None
    workers: int
    save: Path
    shows_known: bool
    ends_early: bool
    shows_coverage: bool
    is_json: bool


def decoder_option(alone: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option that names another decoder; `alone` says what there is without one."""
    return click.option(
        "--oracle",
        metavar="NAME",
        default="self",
        show_default=True,
        help=f"Whom to compare with: llvm (llvm-mc of LLVM 14), capstone, self ({alone}), or an entry point.",
    )


def timeout_option(what: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The option for the seconds that another decoder has; `what` says for what."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0, min_open=True),
        metavar="S",
        default=60.0,
        show_default=True,
        help=what,
    )


def _parameters(examples: str) -> Iterator[Callable[[Callable[..., None]], Callable[..., None]]]:
    """In the order of the help."""
    yield click.option("--seed", type=parse_count, metavar="N", help="By default another one each time; it is told.")
    usual = f"Stop after N examples; by default {examples}, or none where --seconds is given."
    yield click.option("--examples", type=parse_count, metavar="N", help=usual)
    yield click.option("--seconds", type=click.FloatRange(min=0), metavar="S", help="Stop after S seconds.")
    yield click.option(
        "--workers", type=click.IntRange(min=1), metavar="N", default=1, show_default=True, help="Processes that work."
    )
    yield click.option(
        "--save",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        default=SAVED_IN,
        show_default=True,
        help="Where findings are kept, each a file.",
    )
    yield click.option("--all", "shows_known", is_flag=True, help="Show what differs for a known reason, too.")
    yield click.option("--first", "ends_early", is_flag=True, help="Stop after the first examples with a finding.")
    yield click.option(
        "--coverage", "shows_coverage", is_flag=True, help="Show what was met of each group of instructions, too."
    )
    yield click.option("--json", "is_json", is_flag=True, help="Print the report as JSON.")


def with_campaign_options(examples: int, **fewer: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options above, as one `campaign_options`.

    Args:
        examples: how many there are by default.
        fewer: how many with a flag of the command, by its name.
    """
    names = [field.name for field in attrs.fields(CampaignOptions)]
    told = ", ".join([f"{examples:,}", *(f"with --{flag} {count:,}" for flag, count in fewer.items())])

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def gather(*args: object, **values: object) -> None:
            given = {name: values.pop(name) for name in names}
            if given["examples"] is None and given["seconds"] is None:
                given["examples"] = next((count for flag, count in fewer.items() if values[flag]), examples)
            command(*args, campaign_options=CampaignOptions(**given), **values)  # type: ignore[arg-type]  # by click

        decorated: Callable[..., None] = gather
        for parameter in reversed(list(_parameters(told))):
            decorated = parameter(decorated)
        return decorated

    return decorate
