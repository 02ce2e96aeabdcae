"""A training by its settings, in its folder: reports, comparisons, sweeps."""

from functools import partial

from nnscratch.moved import old_name

__getattr__ = partial(old_name, __name__)  # what the module held that had this name before
