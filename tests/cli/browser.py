"""A headless Chromium, driven over a pipe by the DevTools protocol: as much of it as the tests of pages need."""

import base64
import fcntl
import json
import os
import select
import subprocess
import tempfile
from contextlib import contextmanager

_FLAGS = (
    "--headless", "--no-sandbox", "--remote-debugging-pipe", "--disable-gpu", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-extensions", "--disable-sync",
    "--no-first-run", "--no-default-browser-check", "--force-color-profile=srgb", "--disable-dev-shm-usage",
    "about:blank",
)  # fmt: skip
DESKTOP, PHONE = (1280, 800), (360, 740)
"""Sizes of windows."""
_PATIENCE = 30
"""Seconds within which the browser has to answer."""
_LOWEST = 10
"""Descriptors from here on are in the way of none that the browser is given."""


@contextmanager
def chromium():
    """A browser."""
    theirs_in, ours_out = _pipe()
    ours_in, theirs_out = _pipe()
    with tempfile.TemporaryDirectory() as profile:
        # The browser reads commands from descriptor 3, and answers on 4.
        command = f'exec chromium --user-data-dir="$1" "${{@:2}}" 3<&{theirs_in} 4>&{theirs_out}'
        running = subprocess.Popen(
            ["bash", "-c", command, "chromium", profile, *_FLAGS],
            pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            browser = Browser(ours_out, ours_in)
            yield browser
            browser.call("Browser.close")
            running.wait(_PATIENCE)
        finally:
            running.kill()
            running.wait()
            os.close(ours_out)
            os.close(ours_in)


def _pipe():
    ends = os.pipe()
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, _LOWEST) for end in ends]
    for end in ends:
        os.close(end)
    return moved


class Browser:
    """The connection."""

    def __init__(self, commands, answers):
        self._commands, self._answers = commands, answers
        self._last = 0
        self._read = b""
        self.events = []

    def call(self, method, session=None, **parameters):
        """The result of a command; events that come before it are kept."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self.read()).get("id") != self._last:
            self.events.append(answer)
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def read(self):
        """The next message."""
        while b"\0" not in self._read:
            assert select.select([self._answers], [], [], _PATIENCE)[0], "the browser does not answer"
            more = os.read(self._answers, 1 << 16)
            assert more, "the browser has gone"
            self._read += more
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)

    def tab(self):
        """A new tab."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Tab(self, session)


_CODES = {"ArrowRight": 39, "ArrowLeft": 37, "Home": 36, "End": 35, "Escape": 27, " ": 32, "Enter": 13, "Tab": 9}


class Tab:
    """A page in the browser."""

    def __init__(self, browser, session):
        self._browser, self._session = browser, session
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method, **parameters):
        """A command to this tab."""
        return self._browser.call(method, self._session, **parameters)

    def open(self, address):
        """Load a page anew, to its end."""
        if "#" in address:  # which might only lead to another place in the page that is open
            self.open("about:blank")
        self._browser.events.clear()
        self.call("Page.navigate", url=address)
        while not self.happened("Page.loadEventFired"):
            self._browser.events.append(self._browser.read())

    def go(self, fragment):
        """To another place in the page."""
        self.run(f"new Promise((done) => {{ location.hash = {json.dumps(fragment)}; setTimeout(done); }})")

    def happened(self, *methods):
        """The events of these kinds since the page was opened."""
        return [event["params"] for event in self._browser.events if event.get("method") in methods]

    def complaints(self):
        """What the console has, and exceptions that nobody caught."""
        return self.happened("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded")

    def requests(self):
        """The addresses that something was asked of."""
        return [event["request"]["url"] for event in self.happened("Network.requestWillBeSent")]

    def run(self, expression):
        """The value of an expression of JavaScript."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def press(self, key):
        """A key, by its name in JavaScript."""
        text = key if len(key) == 1 else "\r" if key == "Enter" else ""
        code = _CODES.get(key, ord(key[0].upper()))
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )  # fmt: skip

    def click(self, selector):
        """The middle of the first element that is shown, scrolled to where it can be seen."""
        x, y = self.run(f"""(() => {{
            const shown = [...document.querySelectorAll({json.dumps(selector)})].find((each) => each.checkVisibility());
            shown.scrollIntoView({{block: "center", inline: "center"}});
            const box = shown.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def shape(self, width, height, *, mobile=False):
        """The size of the window, in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile
        )  # fmt: skip

    def media(self, scheme, kind=""):
        """Whether light or dark is preferred, and whether it is screen or print."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=kind, features=features)

    def scripts(self, *, run):
        """Whether the scripts of pages run."""
        self.call("Emulation.setScriptExecutionDisabled", value=not run)

    def screenshot(self, scale=1, size=None):
        """What the window shows, as PNG."""
        width, height = size or self.run("[innerWidth, innerHeight]")
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        return base64.b64decode(self.call("Page.captureScreenshot", clip=clip)["data"])

    def pdf(self):
        """What a printer would get."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=False)["data"])
