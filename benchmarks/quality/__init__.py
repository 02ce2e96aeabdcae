"""Accuracy, drawings, refusals, and the weights that come with the library."""
