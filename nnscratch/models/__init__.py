"""Networks to use: fit, predict, save and load, how sure they are, and an estimator for scikit-learn."""

from functools import partial

from nnscratch.moved import old_name

__getattr__ = partial(old_name, __name__)  # what the module held that had this name before
