"""How long the page of files takes to its first answer, on a line of 10 Mbit/s, with an empty cache.

    python -m benchmarks.pages.first_answer    # needs Chromium and Playwright

The page is written by `nnscratch site`, sent by Python's http.server without compression, and read by Chromium whose
network is slowed down to 10 Mbit/s and 40 ms for a round trip. Of ten loads the quickest and the middle one are told:
from the beginning of the navigation to what is read in a line, drawn as soon as the page can be drawn on.
"""

import functools
import http.server
import statistics
import tempfile
import threading
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

import nnscratch as nn
from nnscratch.cli.flags import DEFAULT_MODELS
from nnscratch.web.site.folder import write_site
from nnscratch.web.site.static_page import StaticPage
from tests.tools.browsing import CHROMIUM, FLAGS

LINE = {"offline": False, "downloadThroughput": 10e6 / 8, "uploadThroughput": 10e6 / 8, "latency": 40}
LOADS = 10
DRAW = """document.addEventListener('DOMContentLoaded', () => {
  const [pad, big] = ['pad', 'big'].map((id) => document.getElementById(id));
  const look = () => { if (/\\d/.test(big.textContent)) window.firstAnswer ??= performance.now(); };
  const touch = (kind, share) => {
    const { left, top, width, height } = pad.getBoundingClientRect();
    const at = { clientX: left + width / 2, clientY: top + share * height, pointerId: 7 };
    pad.dispatchEvent(new PointerEvent(kind, { ...at, isPrimary: true, button: 0, buttons: 1, bubbles: true }));
  };
  pad.setPointerCapture = () => {}; // there is no such pointer
  const draw = () => {
    touch('pointerdown', 0.2);
    for (let k = 1; k < 7; k++) touch('pointermove', 0.2 + 0.1 * k);
    touch('pointerup', 0.8);
  };
  new MutationObserver(look).observe(big, { childList: true, characterData: true, subtree: true });
  draw(); // the modules have run
});"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Sends files, and says nothing of it."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def load(browser: Browser, url: str) -> tuple[float, int, int]:
    """Return the milliseconds to the first answer, and the requests and bytes until then."""
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", LINE)
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(int(event["encodedDataLength"])))
    page.add_init_script(DRAW)
    page.goto(url, wait_until="commit")
    while not (took := page.evaluate("window.firstAnswer")):
        page.wait_for_timeout(5)
    result = took, len(sizes), sum(sizes)
    context.close()
    return result


def main() -> None:
    """Measure and print."""
    site = StaticPage({name: nn.load_pretrained(name) for name in DEFAULT_MODELS})
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        write_site(Path(folder), site.loaded | site.asked_for, site.entrances)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
        server.handle_error = lambda *_: None  # a browser that is closed hangs up
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        loads = [load(browser, f"http://127.0.0.1:{server.server_port}/") for _ in range(LOADS)]
        browser.close()
        server.shutdown()
    times, requests, sizes = zip(*loads, strict=True)
    print(f"first answer after {min(times):.0f} ms at best, {statistics.median(times):.0f} ms in the middle of {LOADS}")
    print(f"{max(requests)} requests and {max(sizes):,} bytes until then, uncompressed")


if __name__ == "__main__":
    main()
