"""Experiments that break learning on purpose, and show why it breaks. Each is ``nnscratch lab NAME``."""
