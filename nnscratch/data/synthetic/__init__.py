"""Images made rather than collected: from MNIST's own digits, and from strokes as a hand draws them."""
