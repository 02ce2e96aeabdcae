"""Exercises: losses, optimisers, initial weights, the gradient checker, the loop, and LeNet-5."""
