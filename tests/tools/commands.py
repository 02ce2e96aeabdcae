"""Starting the command lines as a user does, or inside this process, and a folder to do it in."""

import contextlib
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from unittest import mock

from PIL import Image

import nnscratch as nn
from nnscratch.cli.main import main
from nnscratch.ops import backend as backends
from nnscratch.pages import plots
from nnscratch.parallel import threads

ROOT = Path(__file__).parents[2]
QUICK = ("--limit", "400", "--epochs", "2")


def blank_png():
    """The bytes of a picture of one pixel."""
    file = io.BytesIO()
    Image.new("L", (1, 1), 255).save(file, "png")
    return file.getvalue()


BLANK = blank_png()


def start(*arguments, cwd, script=None, **options):
    command = [sys.executable, str(ROOT / script)] if script else [sys.executable, "-m", "nnscratch"]
    return subprocess.Popen(
        [*command, *map(str, arguments)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options
    )


def run(*arguments, cwd, script=None, stdin=b""):
    """Return exit code, stdout and stderr of a command in a process of its own."""
    process = start(*arguments, cwd=cwd, script=script, stdin=subprocess.PIPE)
    out, err = process.communicate(stdin, timeout=300)
    return process.returncode, out.decode(), err.decode()


@contextlib.contextmanager
def choices_kept():
    """Leave the backend and the number of threads as they were, chosen or not."""
    serving, chosen, number = backends.backend(), backends._chosen, threads._chosen_threads
    try:
        yield
    finally:
        backends.set_backend(serving)
        backends._chosen, threads._chosen_threads = chosen, number


class Terminal(io.TextIOWrapper):
    def isatty(self):
        return True


def run_inside(*arguments, cwd, script=None, stdin=b"", stream=io.TextIOWrapper, draw=False):
    """Do the same in this process, which is quicker, as if it had just begun.

    Figures are made, but drawn only where ``draw`` asks for it: that takes half the time of a short training. The run
    that ``furnish`` makes has drawn ones.
    """
    arguments = [script.removesuffix(".py"), *arguments] if script else arguments
    streams = [stream(io.BytesIO(content), "utf-8") for content in (stdin, b"", b"")]
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.chdir(cwd))
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            stack.enter_context(mock.patch.object(sys, name, stream))
        stack.enter_context(mock.patch.object(sys, "argv", [script or "__main__.py"]))
        if not draw:
            stack.enter_context(mock.patch.object(plots, "as_png", lambda figure: BLANK))
        stack.enter_context(choices_kept())
        backends.set_backend("numpy")
        backends._chosen, threads._chosen_threads = False, None
        try:
            code = main([str(argument) for argument in arguments], prog=script)
        except SystemExit as end:
            code = end.code
    out, err = (stream.buffer.getvalue().decode() for stream in streams[1:] if not stream.flush())
    return code, out, err


def furnish(place):
    """Put a finished run of the three models, some pictures and broken files into the new folder ``place``."""
    place.mkdir()
    code, out, err = run(*QUICK, "--json", cwd=place, script="train.py")
    assert code == 0, err
    (place / "figures.json").write_text(out)
    (place / "progress.txt").write_text(err)
    Image.fromarray(255 - nn.load_mnist().test_images[0]).resize((300, 300)).save(place / "digit.png")
    Image.new("L", (50, 50), 255).save(place / "blank.png")
    (place / "text.png").write_text("no picture")
    (place / "bomb.png").write_bytes(png_header(30_000, 30_000))
    (place / "pictures").mkdir()
    for name in ("digit.png", "blank.png", "text.png"):
        (place / "pictures" / name).write_bytes((place / name).read_bytes())
    (place / "empty").mkdir()
    (place / "data").mkdir()


def png_header(width, height):
    """The first bytes of a PNG of that size; its pixels are missing."""
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    idat = b"IDAT" + zlib.compress(bytes(100))
    chunks = [struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in (ihdr, idat)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def only_run(place):
    (folder,) = (place / "runs").iterdir()
    return folder
