"""Tools that show real numbers flowing through a real network and back. Each is a command: ``nnscratch study``."""
