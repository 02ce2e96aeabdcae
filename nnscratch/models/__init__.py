"""Networks to use: fit, predict, save and load, how sure they are, and an estimator for scikit-learn."""

from typing import Any


def __getattr__(name: str) -> Any:
    """Answer for what the module held that had this name before."""
    from nnscratch.moved import old_name

    return old_name(__name__, name)
