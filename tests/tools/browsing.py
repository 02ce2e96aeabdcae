"""A server as a user starts it, and the browser that looks at its page."""

import re
import shutil
import signal
import subprocess
import sys

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync"]


class Server:
    """`nnscratch serve`, of the package that Python finds first in `cwd`."""

    def __init__(self, *arguments, port=0, cwd=None):
        command = [sys.executable, "-m", "nnscratch", "serve", "--port", str(port), *arguments]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=cwd)
        self.url, port = re.match(r"(http://[\d.]+:(\d+)/)", self.process.stdout.readline()).groups()
        self.port = int(port)

    def stop(self):
        """Let it end, unless it has already."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.process.stdout.close()
