"""Groups of commands that are imported one by one: what is not used costs nothing."""

from __future__ import annotations

import gc
import sys
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class LazyGroup(click.Group):
    """Commands by name; `places` says where each is (`module:attribute`), in the order of the help."""

    def __init__(self, *args: Any, places: Mapping[str, str], **facts: Any) -> None:
        super().__init__(*args, **facts)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """The names, in the order of the help."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, imported; None if there is none of that name."""
        if cmd_name not in self._places:
            return None
        module, _, attribute = self._places[cmd_name].partition(":")
        if module not in sys.modules:
            with _everything_stays():
                import_module(module)
        command: click.Command = getattr(sys.modules[module], attribute)
        return command


@contextmanager
def _everything_stays() -> Iterator[None]:
    """Do not look for garbage in what is imported, neither now nor later: that takes a tenth of the start-up."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
