"""The exercises, a module for each operation."""
