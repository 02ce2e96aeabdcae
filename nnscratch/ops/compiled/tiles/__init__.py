"""Tiles of sums in vector registers: how large they are, which numbers they are of, and the instructions."""
