"""The one array type of the package's annotations; shapes stand in the docstrings."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]
