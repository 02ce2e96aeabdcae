"""Tests of nnscratch/study/figures, and of the widgets of docs/_static/play that stand beside them."""
