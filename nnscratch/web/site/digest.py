"""What stands for files in their addresses, so that one address has one content for ever."""

import hashlib
from collections.abc import Mapping


def digest(files: Mapping[str, bytes]) -> str:
    """Return what stands for these names and contents, and for no others."""
    each = [f"{hashlib.sha256(data).hexdigest()} {name}" for name, data in sorted(files.items())]
    return hashlib.sha256("\0".join(each).encode()).hexdigest()[:16]
