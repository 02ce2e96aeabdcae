"""What ``fuzz.py`` is made of: mutators, targets (what is attacked, and how a case is made), and the guard of a case.

For ``fuzz_kernels.py``: calls that fit, misfits, memory that shows who works beside it, and the verdict.
"""
