"""Write the page as files for any static host: drawings are read in the browser, and no server is needed.

nnscratch site --out page --model runs/.../model.npz    with a network of your own
"""

from __future__ import annotations

import argparse
import shlex
from urllib.parse import urlsplit

from nnscratch.cli.commands.predict import find_models
from nnscratch.cli.commands.serve import named
from nnscratch.cli.flags import DEFAULT_MODELS, folder
from nnscratch.errors import printable
from nnscratch.web.site.folder import write_site
from nnscratch.web.site.static_page import StaticPage


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="DIR", help="the folder: a new one, or that of an older page")
    parser.add_argument(
        "--model",
        action="append",
        metavar="NAME|FILE",
        help=f"a network to show, again for more, of which the first decides; default: {', '.join(DEFAULT_MODELS)}",
    )
    parser.add_argument(
        "--url",
        type=web_address,
        metavar="ADDRESS",
        help="where it will be, so that messengers show its picture beside a link: https://example.org/digits/",
    )


def web_address(text: str) -> str:
    """Return the address of a folder on the web, with its last slash."""
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise ValueError(text)
    return text.removesuffix("index.html").rstrip("/") + "/"


web_address.__name__ = "address, such as https://example.org/digits/"  # argparse names it in its error


def run(args: argparse.Namespace) -> int:
    """Do it; return the exit code."""
    out = folder(args.out)
    site = StaticPage(named(find_models(args.model or DEFAULT_MODELS)), args.url or "")
    write_site(out, site.loaded | site.asked_for, site.entrances)
    where, first = printable(str(out)), sum(map(len, site.loaded.values())) + len(site.entrances["index.html"])
    print(f"{where} has the page, {len(site.files)} files of {sum(map(len, site.files.values())):,} bytes")
    for name, file in site.page.networks.items():
        print(f"  {name:<12} {len(file.data):>9,} bytes  {file.address}")
    print(f"  {'first visit':<12} {first:>9,} bytes before compression, the network that decides among them")
    print(f"to try it: python -m http.server --bind 127.0.0.1 --directory {shlex.quote(where)}")
    print("           and open http://127.0.0.1:8000/")
    return 0
