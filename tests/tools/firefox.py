"""Firefox as its packagers ship it, driven by WebDriver BiDi (https://w3c.github.io/webdriver-bidi), which it speaks by
itself: of its commands those that the page's tests need."""

import itertools
import json
import re
import shutil
import subprocess
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PREFERENCES = {  # nothing of its own is asked for or sent
    "app.normandy.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "remote.active-protocols": 1,
    "services.settings.server": "data:,",
    "ui.prefersReducedMotion": 1,
}
LISTENS = re.compile(r"WebDriver BiDi listening on (ws://\S+)")
LONGEST = 600  # seconds that a command may take


def firefox():
    """Return a Firefox; the test is skipped where there is none, or no library for its websocket."""
    pytest.importorskip("websockets", reason="no websockets: pip install 'nnscratch[test]'")
    if FIREFOX is None:
        pytest.skip("no Firefox: install Debian's package firefox-esr")
    return Firefox()


class Firefox:
    """One window, with the names that Playwright has for what it does: goto, evaluate, wait_for_timeout, mouse."""

    def __init__(self):
        from websockets.sync.client import connect

        self.end = ExitStack()
        profile = Path(self.end.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in PREFERENCES.items()]
        (profile / "user.js").write_text("".join(lines))
        command = [
            FIREFOX,
            "--headless",
            "--no-remote",
            "--profile",
            profile,
            "--remote-debugging-port=0",
            "about:blank",
        ]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.end.enter_context(process)
        self.end.callback(process.terminate)
        address = next(found[1] for line in process.stderr if (found := LISTENS.search(line)))
        threading.Thread(
            target=process.stderr.read, daemon=True
        ).start()  # or it would stand still when the pipe is full
        self.socket = self.end.enter_context(connect(f"{address}/session", max_size=None))
        self.numbers = itertools.count()
        self.wrong = []  # what its console called an error
        self._ask("session.new", capabilities={})
        self._ask("session.subscribe", events=["log.entryAdded"])
        self.context = self._ask("browsingContext.getTree")["contexts"][0]["context"]

    def _ask(self, method, **params):
        """Return a command's result; what happened meanwhile is noted."""
        number = next(self.numbers)
        self.socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            came = json.loads(self.socket.recv(timeout=LONGEST))
            if came["type"] == "event" and came["params"].get("level") == "error":
                self.wrong.append(came["params"]["text"])
            if came.get("id") == number:
                break
        if came["type"] == "error":
            raise RuntimeError(f"{method}: {came['message']}")
        return came["result"]

    def resize(self, width, height):
        """Give the page so many pixels."""
        self._ask("browsingContext.setViewport", context=self.context, viewport={"width": width, "height": height})

    def goto(self, url):
        """Open an address, and wait for all of it."""
        self._ask("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def evaluate(self, expression):
        """Return the value of an expression, or what its promise becomes, as JSON has it."""
        text = f"(async () => JSON.stringify(await ({expression})) ?? 'null')()"
        target = {"context": self.context}
        told = self._ask("script.evaluate", expression=text, target=target, awaitPromise=True)
        if told["type"] == "exception":
            raise RuntimeError(told["exceptionDetails"]["text"])
        return json.loads(told["result"]["value"])

    def drag(self, points):
        """Put the mouse down at the first of the points (n, 2) of the page, and lift it at the last."""
        move = [{"type": "pointerMove", "x": round(x), "y": round(y)} for x, y in points]
        button = [{"type": f"pointer{name}", "button": 0} for name in ("Down", "Up")]
        mouse = {"type": "pointer", "id": "mouse", "actions": [move[0], button[0], *move[1:], button[1]]}
        self._ask("input.performActions", context=self.context, actions=[mouse])

    def wait_for_timeout(self, milliseconds):
        """Wait."""
        self.evaluate(f"new Promise((done) => setTimeout(done, {milliseconds}))")

    def close(self):
        """End it."""
        self.end.close()
