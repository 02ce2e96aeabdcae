"""The page with all that it loads, whoever sends it: nnscratch's server, or any host of files.

All addresses are relative, so that the page works below any path. Scripts, style and icons are at ``static/DIGEST/``,
where the digest is one of all of them together, and each network is at ``networks/DIGEST/``: see assets.py.
"""

import posixpath
import re
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2

from nnscratch.models.sequential import Sequential
from nnscratch.pictures.drawing import CANVAS
from nnscratch.version import __version__
from nnscratch.web.site.digest import digest
from nnscratch.web.site.icon import icons
from nnscratch.web.site.networks import described, network_files

STATIC = Path(__file__).parent.parent / "static"
TEMPLATES = STATIC.parent / "templates"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
    "manifest-src 'self'; base-uri 'none'; form-action 'none'"
)
IMPORT = re.compile(r"""^\s*(?:import|export|\})[^;'"]*?(?:from\s*)?["'](\.[^"']+)["'];""", re.MULTILINE)


class Page:
    """The page for these networks, by the names that it shows; ``served``: by a server that reads pictures, too."""

    def __init__(self, models: Mapping[str, Sequential], *, served: bool) -> None:
        self.models, self.served = models, served
        self.static = read_folder(STATIC) | icons()
        self.static.pop("README.md", None)  # for who reads the folder
        self.networks = network_files(models)
        self.digest = digest(self.static)
        loader = jinja2.FileSystemLoader(TEMPLATES)  # each template is read once: they are of the generation of STATIC
        self._templates = jinja2.Environment(loader=loader, autoescape=True, auto_reload=False)

    def address(self, name: str) -> str:
        """Return where the page finds a file of ``static``."""
        return f"static/{self.digest}/{name}"

    @cached_property
    def config(self) -> dict[str, Any]:
        """What the page's modules are told: see static/context.js."""
        first = next(iter(self.models.values()))
        return {
            "version": __version__,
            "canvas": CANVAS,
            "pictures": self.served,  # whether a server reads them
            "classes": [] if first.is_digits else list(first.classes),  # of digits the page knows by itself
            "networks": [described(name, model, self.networks.get(name)) for name, model in self.models.items()],
        }

    def html(self, home: str = "") -> str:
        """Return the page itself; ``home`` is its whole address, where it is known: messengers want it of a picture."""
        return self.rendered("index.html", config=self.config, home=home)

    def rendered(self, template: str, **values: Any) -> str:
        """Return what a file of ``templates/`` makes of the page and of ``values``."""
        own = {"static": self.address, "modules": modules(self.static), "policy": POLICY, "version": __version__}
        config = self.config
        own |= {"canvas": CANVAS, "models": list(self.models), "classes": config["classes"]}
        own["reader"] = config["networks"][0]["address"]
        return self._templates.get_template(template).render(**own | values)


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the files of a folder and of those in it, by their names from there."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def modules(static: Mapping[str, bytes], first: str = "main.js") -> list[str]:
    """Return the names of a module and of all that it imports, so that a browser need not find them one by one."""
    found, left = {first: None}, [first]
    while left:
        name = left.pop()
        for other in IMPORT.findall(static[name].decode()):
            path = posixpath.normpath(posixpath.join(posixpath.dirname(name), other))
            if path in static and path not in found:
                found[path] = None
                left.append(path)
    return list(found)
