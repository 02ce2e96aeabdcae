"""Exercises: forward and backward of each layer."""
