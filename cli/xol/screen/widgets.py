"""The widgets: a pane, a prompt, the page of help."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import attrs
from rich.text import Text
from textual.binding import Binding
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Label

from cli.console import Style
from cli.xol.screen.keys import help_page
from cli.xol.screen.pane import Pane, shortened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.geometry import Size

    from cli.console import Line, Span

_STYLES = {Style.TEXT: "", Style.NOTE: "italic", Style.BAD: "bold red", Style.SYMBOL: "yellow", Style.HEADING: "bold"}


def text_of(lines: Iterable[Line]) -> Text:
    """Lines, as Textual shows them."""
    return Text("\n").join(
        Text(line) if isinstance(line, str) else Text.assemble(*(_part(part) for part in line)) for line in lines
    )


def _part(part: str | Span) -> tuple[str, str]:
    return (part, "") if isinstance(part, str) else (part.text, _STYLES[part.style])


_LEAST = 3
"""Rows that a title and two lines take: with less, what stays above the lines goes."""


class PaneView(Widget, can_focus=True):
    """A pane: a title, which has which of the lines are seen, and as many of them as there is room for.

    All of it is drawn at once for the size it has: what has to be seen is seen from the first moment on.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "scroll(-1)", show=False),
        Binding("down", "scroll(1)", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
        Binding("pagedown", "scroll_page(1)", show=False),
    ]

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._draw: Callable[[int], Pane] = lambda _columns: Pane("", ())
        self._scrolled = 0
        """Lines that the user has scrolled on, from where what has to be seen is seen."""

    def show(self, draw: Callable[[int], Pane]) -> None:
        """Show what a function makes of the number of columns."""
        self._draw, self._scrolled = draw, 0
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002  (Textual's)
        """As many rows as there are lines, where there is room for them.

        A grid asks with the width of one of its columns, even of what spans several: what it got last is better.
        """
        pane = self._drawn(self.size.width or width)
        return 1 + len(pane.head) + len(pane.lines)

    def on_resize(self) -> None:
        """Another width may take other rows."""
        self.refresh(layout=True)

    def render(self) -> Text:
        """The title, then the lines."""
        columns, rows = self.size
        pane = self._drawn(columns)
        if len(pane.head) + _LEAST > rows:
            pane = attrs.evolve(pane, head=())
        view = self._view(pane, rows)
        rule = "\N{BOX DRAWINGS DOUBLE HORIZONTAL}" if self.has_focus else "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
        seen = "" if len(view) == len(pane.lines) else f"  {view.start + 1}-{view.stop}/{len(pane.lines)}"
        title = shortened(pane.title, columns - len(seen) - 2)
        return text_of([f"{rule}{title}{seen}".ljust(columns, rule), *pane.head, *pane.lines[view.start : view.stop]])

    def _drawn(self, columns: int) -> Pane:
        return self._draw(columns).folded(columns) if columns else Pane("", ())

    def _view(self, pane: Pane, rows: int) -> range:
        """The lines that are seen: if not all, the one that has to be in the middle, until the user scrolls on."""
        room = max(rows - 1 - len(pane.head), 0)
        last = max(len(pane.lines) - room, 0)
        wanted = max(0, min(pane.seen - room // 2, last))
        first = max(0, min(wanted + self._scrolled, last))
        self._scrolled = first - wanted
        return range(first, min(first + room, len(pane.lines)))

    def action_scroll(self, lines: int) -> None:
        """See what is further down, or up."""
        self._scrolled += lines
        self.refresh()

    def action_scroll_page(self, pages: int) -> None:
        """The same, by all that is seen but a line."""
        self.action_scroll(pages * max(self.size.height - 2, 1))

    def on_mouse_scroll_up(self) -> None:
        """The wheel."""
        self.action_scroll(-1)

    def on_mouse_scroll_down(self) -> None:
        """The wheel."""
        self.action_scroll(1)


class _Modal(ModalScreen[str]):
    """A screen above the others, until it is dismissed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss('')", show=False)]


class Prompt(_Modal):
    """Asks where to go; empty if nowhere."""

    DEFAULT_CSS = """
    Prompt { align: left bottom; background: transparent; }
    Prompt > Label { width: 100%; height: auto; border-top: solid; }
    Prompt > Input { width: 100%; height: 1; border: none; padding: 0; background: transparent; }
    Prompt > Input:focus { border: none; }
    """

    def compose(self) -> ComposeResult:
        """A line to be edited."""
        yield Label("Go to MOMENT, or HIT:MOMENT (Enter goes, Esc does not):", markup=False)
        yield Input()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give what was written."""
        self.dismiss(event.value)


class Help(_Modal):
    """The page of help."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q,question_mark", "dismiss('')", show=False)]

    def compose(self) -> ComposeResult:
        """The page."""
        yield PaneView("help")

    def on_mount(self) -> None:
        """Show it."""
        view = self.query_one(PaneView)
        view.show(help_page)
        view.focus()
