"""What the page loads besides itself: scripts, style and icon, at addresses that say what is in them.

A browser keeps ``/static/DIGEST/main.js`` for a year without asking again, so there must never be anything else at
that address. The digest is one of all files together, and what they load from each other (``import './pad.js'``,
``url()``) is named from where they are: it has the same digest, and no file ever meets one of another generation. The
files are read once, when the server starts: under one digest there is one content, whatever is written to the folder.
Networks have digests of their own, for what is new in the scripts makes no other network.

A page that is open while the server is replaced may still ask for a file of its own digest. It is told that there is
none (404): a new file would fit neither the page nor what it has loaded. Reloading the page mends it.
"""

import mimetypes
from collections.abc import Mapping

from flask import Response, request
from werkzeug.exceptions import NotFound

from nnscratch.web.compression import packed_or_none, reads_gzip, set_packed
from nnscratch.web.site.digest import digest

KEPT = "public, max-age=31536000, immutable"  # a year
ASKED = "no-cache"  # kept, but asked for each time: 304 while it is the same


class Assets:
    """Files by their names, with one digest."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = dict(files)
        self._packed = {name: packed_or_none(data) for name, data in self._files.items()}
        self.digest = digest(self._files)

    def answer(self, address: str) -> Response:
        """Return the file at ``DIGEST/name``, to be kept, or at ``name``, not to be. Raises NotFound."""
        first, _, rest = address.partition("/")
        name, cache = (rest, KEPT) if first == self.digest else (address, ASKED)
        if name not in self._files:
            raise NotFound
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        response = Response(self._files[name], mimetype=kind)
        response.headers["Cache-Control"] = cache
        response.set_etag(self.digest)
        if packed := self._packed[name]:
            response.vary.add("Accept-Encoding")
            if reads_gzip(request):
                set_packed(response, packed)
                response.set_etag(f"{self.digest}-gzip")  # other bytes, another tag
        response.make_conditional(request)
        return response
