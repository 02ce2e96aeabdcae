"""Test digits as a file for the page, which asks with them what teaching has cost: the first of MNIST's test images.

Four bytes say how many, little endian; then come the labels, a byte each, and the images, 784 bytes each.
"""

import numpy as np

from nnscratch.data import load_mnist
from nnscratch.errors import UsageError, is_whole

NAME = "test-digits.bin"
COUNT = 1_000  # 785 kB, and a second or two of LeNet-5 in a browser


def digits_file(count: int = COUNT) -> bytes:
    """Return the file of the first ``count`` test digits. Raises UsageError unless there are as many."""
    mnist = load_mnist()
    if not is_whole(count, 1, len(mnist.test_labels)):
        raise UsageError(f"{count!r} test digits were asked for: give 1 to {len(mnist.test_labels):,}")
    labels, images = mnist.test_labels[:count].astype(np.uint8), mnist.test_images[:count]
    return count.to_bytes(4, "little") + labels.tobytes() + images.tobytes()
