"""Training: losses, optimisers, schedules, shards, the epoch loop, and checks of gradients."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Answer for what the module held that had this name before."""
    from nnscratch.moved import old_name

    return old_name(__name__, name)
