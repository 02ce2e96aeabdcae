"""Training: losses, optimisers, schedules, shards, the epoch loop, and checks of gradients."""

from functools import partial

from nnscratch.moved import old_name

__getattr__ = partial(old_name, __name__)  # what the module held that had this name before
