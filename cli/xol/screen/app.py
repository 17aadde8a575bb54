"""The application: puts the panes on the screen, turns keys into moves, and runs these beside the screen."""

from __future__ import annotations

import asyncio
import re
import signal
import sys
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding
from textual.containers import Container, Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from aarch64.errors import AArch64Error
from cli import console, report
from cli.xol.screen import panes
from cli.xol.screen.keys import KEYS, foot
from cli.xol.screen.layout import Layout, layout
from cli.xol.screen.pages import head, notice, page, place
from cli.xol.screen.table import table
from cli.xol.screen.walk import Interrupted, Question, Walk
from cli.xol.screen.widgets import Help, PaneView, Prompt, text_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.events import Resize

    from cli.xol.episode import Episode
    from cli.xol.screen.pane import Pane
    from cli.xol.screen.walk import Position, Script

    Move = Callable[[Position], Position]

_TICK_SECONDS = 0.2
_QUIET_SECONDS = 0.4
_TERMINATED = 128 + signal.SIGTERM

_PANES: dict[str, Callable[[Episode, int, int], Pane]] = {
    "code": panes.code,
    "slot": panes.slot,
    "registers": panes.registers,
    "table": table,
    "sentence": panes.sentence,
}
"""What is in each pane, in the order Tab has them."""

_BESIDE_SENTENCE = {"code": "#left", "slot": "#left", "registers": "#registers", "table": "#table"}
"""What is shown above the sentence where one pane at a time is."""

_JUMP = re.compile(r"\s*(?:(?P<hit>\d+)\s*:)?\s*(?P<moment>\d+)\s*")


def open_screen(script: Script) -> int:
    """Show it, until the user leaves; the exit status of the command."""
    app = XolApp(script)
    status = app.run()
    if status == console.INTERRUPTED:
        console.tell("\n".join(report.fitted(f"a64: interrupted at {place(script, app.position)}", sys.stderr)))
    return 1 if status is None else status


class XolApp(App[int]):
    """Shows a script. Ends with the exit status of the command."""

    CSS = """
    Screen { layout: vertical; }
    PaneView { height: 1fr; }
    #head { height: auto; text-style: bold; }
    #notice, #foot { height: auto; }
    #notice { text-style: bold; }
    #stage { height: 1fr; layers: below above; }
    #page { height: 100%; layer: above; }
    #moment { layout: grid; height: 100%; layer: below; }
    #left { height: 1fr; padding-right: 1; }
    #slot { height: auto; max-height: 4; }

    .-full #moment { grid-size: 2 3; grid-columns: 1fr 1fr; grid-rows: 9fr 8fr auto; }
    .-full #table, .-full #sentence { column-span: 2; }

    .-wide #moment { grid-size: 3 2; grid-columns: 1fr 1fr 88; grid-rows: 1fr auto; }
    .-wide #code { height: auto; max-height: 75%; }
    .-wide #registers { margin-right: 1; }
    .-wide #sentence { column-span: 3; }

    .-full #sentence, .-wide #sentence { height: auto; min-height: 5; max-height: 10; }

    .-stacked #moment { grid-size: 1 4; grid-rows: 3fr 3fr 4fr 3fr; }

    .-single #moment { grid-size: 1 2; grid-rows: 4fr 3fr; }
    .-single .unseen { display: none; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", priority=True, show=False),
        *(Binding(key.names, key.action, priority=True, show=False) for key in KEYS),
    ]
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, script: Script) -> None:
        super().__init__(ansi_color=True)
        self.walk = Walk(script)
        self.position = self.walk.begin()
        self._moves: asyncio.Queue[Move] = asyncio.Queue()
        self._since: float | None = None
        self._is_given_up = False
        self._is_answered = False

    # --- the screen

    def compose(self) -> ComposeResult:
        """All widgets; which of them are seen depends on where one is, and on the size."""
        yield Static(id="head", markup=False)
        with Container(id="stage"):
            yield PaneView("page")
            with Container(id="moment"):
                with Vertical(id="left"):
                    yield PaneView("code")
                    yield PaneView("slot")
                yield PaneView("registers")
                yield PaneView("table")
                yield PaneView("sentence")
        yield Static(id="notice", markup=False)
        yield Static(id="foot", markup=False)

    def on_mount(self) -> None:
        """Show the beginning; of a program, go to the hit that is asked for."""
        loop = asyncio.get_running_loop()
        with suppress(RuntimeError, ValueError):  # not in the main thread, where there are no signals
            loop.add_signal_handler(signal.SIGINT, self.action_interrupt)
            loop.add_signal_handler(signal.SIGTERM, partial(self._end, _TERMINATED))
        self.set_interval(_TICK_SECONDS, self._tick)
        self.run_worker(self._walk())
        self._arrange(self.size.width, self.size.height)
        self._show()
        if self.walk.script.lesson is None:
            self.action_move("forward")

    def on_resize(self, event: Resize) -> None:
        """Lay out anew; one stays where one is."""
        self._arrange(event.size.width, event.size.height)

    def _arrange(self, columns: int, rows: int) -> None:
        for each in Layout:
            self.screen.set_class(each is layout(columns, rows), each.value)
        self.query_one("#foot", Static).update(text_of([foot(columns)]))

    def _show(self) -> None:
        position, script = self.position, self.walk.script
        self.query_one("#head", Static).update(head(script, position))
        self._notify(notice(position))
        episode = position.episode if position.moment is not None else None
        whole = self.query_one("#page", PaneView)
        whole.display = episode is None  # it covers the panes, which are laid out all the same
        if episode is None:
            whole.show(partial(page, script, position, is_answered=self._is_answered))
        else:
            for name, draw in _PANES.items():
                self.query_one(f"#{name}", PaneView).show(partial(draw, episode, position.index))
        self._focus_shown()

    def _notify(self, text: str) -> None:
        line = self.query_one("#notice", Static)
        line.display = bool(text)
        line.update(text)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002  (Textual's)
        """Keys are for what is above the panes, if anything is; Ctrl-C is always for us."""
        return action == "interrupt" or not isinstance(self.screen, ModalScreen)

    # --- panes

    def _seen(self) -> list[str]:
        """The panes that Tab goes through."""
        return [*_PANES] if self.position.moment is not None else ["page"]

    def _focus_shown(self) -> None:
        focused = self.focused.id if self.focused is not None else None
        if focused not in self._seen():
            self._focus("table" if self.position.moment is not None else "page")

    def _focus(self, name: str) -> None:
        if name in _BESIDE_SENTENCE:
            for selector in _BESIDE_SENTENCE.values():
                self.query_one(selector).set_class(selector != _BESIDE_SENTENCE[name], "unseen")
        self.query_one(f"#{name}").focus()

    def action_pane(self, step: int) -> None:
        """Go to another pane."""
        seen = self._seen()
        now = seen.index(self.focused.id) if self.focused is not None and self.focused.id in seen else 0
        self._focus(seen[(now + step) % len(seen)])

    # --- moves

    def action_move(self, name: str) -> None:
        """Make a move of the walk, once those that were asked for before are made."""
        self._moves.put_nowait(getattr(self.walk, name))

    def action_ask(self) -> None:
        """Ask where to go."""
        self.push_screen(Prompt(), self._jump)

    def _jump(self, answer: str | None) -> None:
        if not answer:
            return
        wanted = _JUMP.fullmatch(answer)
        if wanted is None:
            self._notify(f"{answer!r} is no place: write 5 for a moment, 3:5 for moment 5 of hit 3")
            return
        hit = None if wanted["hit"] is None else int(wanted["hit"])
        self._moves.put_nowait(partial(self.walk.jump, moment=int(wanted["moment"]), hit=hit))

    def action_answer(self) -> None:
        """Answer the question, if it is asked."""
        if isinstance(self.position.view, Question):
            self._is_answered = True
            self._show()

    def action_help(self) -> None:
        """Show the page of help."""
        self.push_screen(Help())

    async def _walk(self) -> None:
        """Make the moves that are asked for, one after another."""
        loop = asyncio.get_running_loop()
        while True:
            move = await self._moves.get()
            self.walk.resume()
            self._since, self._is_given_up = loop.time(), False
            try:
                self.position = await _beside(partial(move, self.position))
            except Interrupted:
                self.position = self.position.stay("given up")
            except AArch64Error as error:
                self.position = self.position.stay(str(error))
            self._since = None
            self._show()

    def _tick(self) -> None:
        """While a move takes its time, tell how far it is; have it end if it is given up."""
        if self._since is None:
            return
        if self._is_given_up:
            self.walk.interrupt()
        seconds, machine = asyncio.get_running_loop().time() - self._since, self.walk.machine
        if seconds >= _QUIET_SECONDS and machine is not None:
            self._notify(f"looking: cycle {machine.cpu.cycles:,}, {seconds:.0f} s  (Esc gives up)")

    @property
    def is_idle(self) -> bool:
        """Whether no move is going on, and none is to follow."""
        return self._since is None and self._moves.empty()

    def action_give_up(self) -> None:
        """Give up the move that is going on, and those that were to follow."""
        while not self._moves.empty():
            self._moves.get_nowait()
        self._is_given_up = self._since is not None
        self._tick()

    # --- the end

    def action_leave(self) -> None:
        """Leave."""
        self._end(0)

    def action_interrupt(self) -> None:
        """Leave because of Ctrl-C."""
        self._end(console.INTERRUPTED)

    def _end(self, status: int) -> None:
        if not self.is_idle:
            self.walk.interrupt()
        self.exit(status)


async def _beside(work: Callable[[], Position]) -> Position:
    """Do some work in a thread of its own, which nobody waits for should the program end before it."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Position] = loop.create_future()

    def tell(set_outcome: Callable[..., None], outcome: object) -> None:
        if not done.done():
            set_outcome(outcome)

    def run() -> None:
        try:
            outcome: tuple[Callable[..., None], object] = done.set_result, work()
        except Exception as error:  # noqa: BLE001  (whoever waits for it gets it)
            outcome = done.set_exception, error
        with suppress(RuntimeError):  # the program has ended
            loop.call_soon_threadsafe(tell, *outcome)

    threading.Thread(target=run, daemon=True).start()
    return await done
