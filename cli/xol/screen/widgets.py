"""The widgets: a pane that tells which of its lines are seen, a prompt, the page of help."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from cli.console import Style
from cli.xol.screen.keys import help_page
from cli.xol.screen.pane import Pane

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.events import Resize
    from textual.geometry import Size

    from cli.console import Line

_STYLES = {Style.TEXT: "", Style.NOTE: "italic", Style.BAD: "bold red", Style.SYMBOL: "yellow", Style.HEADING: "bold"}


def text_of(lines: Iterable[Line]) -> Text:
    """Lines, as Textual shows them."""
    return Text("\n").join(
        Text(line) if isinstance(line, str) else Text.assemble(*(_part(part) for part in line)) for line in lines
    )


def _part(part: object) -> tuple[str, str]:
    if isinstance(part, str):
        return part, ""
    return part.text, _STYLES[part.style]  # type: ignore[attr-defined]  # a Span


class PaneView(VerticalScroll):
    """A pane, which is drawn anew for each width it gets; its title has which of the lines are seen."""

    DEFAULT_CSS = """
    PaneView { border-top: solid; scrollbar-size: 0 0; height: 1fr; }
    PaneView:focus { border-top: double; }
    PaneView > .head { dock: top; height: auto; }
    PaneView > .body { height: auto; }
    """

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._draw: Callable[[int], Pane] = lambda _columns: Pane("", ())
        self._pane = Pane("", ())
        self._head, self._body = Static(classes="head"), Static(classes="body")

    def compose(self) -> ComposeResult:
        """The lines, and those that stay above them."""
        yield self._head
        yield self._body

    def show(self, draw: Callable[[int], Pane]) -> None:
        """Show what a function makes of the number of columns."""
        self._draw = draw
        self._redraw()

    def on_resize(self, _event: Resize) -> None:
        """Draw for the new width."""
        self._redraw()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002  (Textual's)
        """As many rows as there are lines, where there is room for them."""
        return len(self._pane.head) + len(self._pane.lines)

    def watch_scroll_y(self, old: float, new: float) -> None:
        """Tell which lines are seen now."""
        super().watch_scroll_y(old, new)
        self._tell(int(new))

    def watch_virtual_size(self) -> None:
        """The lines have got their place: now the one that has to be seen can be scrolled to."""
        self._settle()

    def _redraw(self) -> None:
        columns = self.content_size.width
        if columns <= 0:
            return
        self._pane = pane = self._draw(columns)
        self._head.display = bool(pane.head)
        self._head.update(text_of(pane.head))
        self._body.update(text_of(pane.lines))
        self._tell(self._first)
        self.call_after_refresh(self._settle)

    def _settle(self) -> None:
        """Have the line seen that has to be."""
        self.scroll_to(y=self._first, animate=False, force=True, immediate=True)

    @property
    def _rows(self) -> int:
        """How many lines are seen at once."""
        return max(self.content_size.height - len(self._pane.head), 0)

    @property
    def _first(self) -> int:
        """The first line that is seen: the one that has to be is in the middle, if not all are."""
        return max(0, min(self._pane.seen - self._rows // 2, len(self._pane.lines) - self._rows))

    def _tell(self, first: int) -> None:
        total = len(self._pane.lines)
        last = min(first + self._rows, total)
        seen = "" if last - first >= total else f"  {first + 1}-{last}/{total}"
        self.border_title = Text(f"{self._pane.title}{seen}").markup


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
