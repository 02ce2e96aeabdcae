"""The page as a folder of files for any static host: what `nnscratch site` writes."""

from collections.abc import Mapping
from functools import cached_property

from nnscratch.errors import DataError
from nnscratch.models.sequential import Sequential
from nnscratch.web.data_files import DATA_FILES
from nnscratch.web.site.digest import digest
from nnscratch.web.site.networks import refusal
from nnscratch.web.site.page import Page


class StaticPage:
    """The page for these networks without a server; ``home`` is its address, if that is known already.

    Raises DataError for a network that a browser cannot read.
    """

    def __init__(self, models: Mapping[str, Sequential], home: str = "") -> None:
        for name, model in models.items():
            if why := refusal(model):
                raise DataError(f"{name} is not for a page without a server: {why}; nnscratch serve shows it")
        self.page, self.home = Page(models, served=False), home

    @cached_property
    def loaded(self) -> dict[str, bytes]:
        """What the page loads at once, by its address: scripts, style, icons, and the network that reads."""
        static = {self.page.address(name): data for name, data in self.page.static.items()}
        reader = next(iter(self.page.networks.values()))
        return static | {reader.address: reader.data}

    @cached_property
    def asked_for(self) -> dict[str, bytes]:
        """What it loads when that is asked for: the other networks, test digits, derivations."""
        others = {file.address: file.data for file in self.page.networks.values()}
        return {address: data for address, data in others.items() if address not in self.loaded} | self.data

    @cached_property
    def data(self) -> dict[str, bytes]:
        """Files for whatever network is read."""
        return {f"data/{name}": content() for name, (_, content) in DATA_FILES.items()}

    @cached_property
    def generation(self) -> str:
        """What stands for all of it, the page itself too."""
        return digest(
            self.data | {"index.html": self.page.html(self.home).encode()}
        )  # which names the digests of all others

    @cached_property
    def entrances(self) -> dict[str, bytes]:
        """The files that lead to all others, in the order in which they may be replaced."""
        config = self.page.config | {"worker": "sw.js", "generation": self.generation}
        worker = {"generation": self.generation, "first": list(self.loaded), "later": list(self.asked_for)}
        texts = {
            "404.html": self.page.rendered("404.html"),
            "index.html": self.page.rendered("index.html", config=config, home=self.home),
            "sw.js": self.page.rendered("sw.js", **worker),  # the last, for it looks whether the page is there
        }
        return {name: text.encode() for name, text in texts.items()}

    @cached_property
    def files(self) -> dict[str, bytes]:
        """All of them."""
        return self.loaded | self.asked_for | self.entrances
