"""The page for any WSGI server, with the networks that come with the library: ``gunicorn nnscratch.web.wsgi:app``.

For networks of your own write such a module yourself: ``app = create_app({"mine": nnscratch.load("model.npz")})``.
docs/use/serving.md tells how to put it behind nginx, and what it logs. There is nothing to set.
"""

import atexit
from contextlib import ExitStack

from nnscratch.models.pretrained import load_pretrained, manifest
from nnscratch.parallel.threads import one_blas_thread, set_threads
from nnscratch.web.app import create_app
from nnscratch.web.request_log import log, start_log

if not log.hasHandlers():  # nobody has said where the log goes: to stderr
    start_log()
set_threads(1)  # the networks are small, and the server's other processes have the other cores
_one_thread = ExitStack()
_one_thread.enter_context(one_blas_thread())
atexit.register(_one_thread.close)
app = create_app({name: load_pretrained(name) for name in manifest()})
