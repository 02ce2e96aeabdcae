"""What needs no gradient: a network's outputs for images, on threads, and the recordings that they are played from."""
