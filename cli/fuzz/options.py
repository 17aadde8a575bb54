"""What all campaigns take: a seed, a budget, workers, and what becomes of findings."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import click

from cli.numbers import parse_count

if TYPE_CHECKING:
    from collections.abc import Callable

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
    is_json: bool


_PARAMETERS = (
    click.option("--seed", type=parse_count, metavar="N", help="Where to begin; by default somewhere, which is told."),
    click.option(
        "--examples", type=parse_count, metavar="N", help="Stop after N examples; 20000 if --seconds is not given."
    ),
    click.option("--seconds", type=click.FloatRange(min=0), metavar="S", help="Stop after S seconds."),
    click.option(
        "--workers", type=click.IntRange(min=1), metavar="N", default=1, show_default=True, help="Processes that work."
    ),
    click.option(
        "--save",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        default=SAVED_IN,
        show_default=True,
        help="Where findings are kept, each a file.",
    ),
    click.option("--all", "shows_known", is_flag=True, help="Show what differs for a known reason, too."),
    click.option("--json", "is_json", is_flag=True, help="Print the report as JSON."),
)
"""In the order of the help."""


def with_campaign_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options above, as one `campaign_options`."""
    names = [field.name for field in attrs.fields(CampaignOptions)]

    @wraps(command)
    def gather(*args: object, **values: object) -> None:
        options = CampaignOptions(**{name: values.pop(name) for name in names})  # type: ignore[arg-type]  # by click
        command(*args, campaign_options=options, **values)

    decorated: Callable[..., None] = gather
    for parameter in reversed(_PARAMETERS):
        decorated = parameter(decorated)
    return decorated
