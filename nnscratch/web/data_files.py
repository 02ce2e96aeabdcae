"""What the page loads when it is asked for: test digits, and the derivations. A site has it as files.

With the test digits the page asks what teaching has cost: four bytes say how many, little endian; then come the labels,
a byte each, and the images, 784 bytes each, of the first of MNIST's test images.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

import nnscratch.ops
from nnscratch.data import load_mnist
from nnscratch.errors import UsageError, is_whole

COUNT = 1_000  # 785 kB, and a second or two of LeNet-5 in a browser


def test_digits(count: int = COUNT) -> bytes:
    """Return the file of the first ``count`` test digits. Raises UsageError unless there are as many."""
    mnist = load_mnist()
    if not is_whole(count, 1, len(mnist.test_labels)):
        raise UsageError(f"{count!r} test digits were asked for: give 1 to {len(mnist.test_labels):,}")
    labels, images = mnist.test_labels[:count].astype(np.uint8), mnist.test_images[:count]
    return count.to_bytes(4, "little") + labels.tobytes() + images.tobytes()


def derivations() -> bytes:
    """Return the derivation of every backward pass, as text."""
    return (Path(nnscratch.ops.__file__).parent / "DERIVATIONS.md").read_bytes()


DATA_FILES: dict[str, tuple[str, Callable[[], bytes]]] = {  # name in data/: MIME type and content
    "test-digits.bin": ("application/octet-stream", test_digits),
    "derivations.txt": ("text/plain; charset=utf-8", derivations),
}
