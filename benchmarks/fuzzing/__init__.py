"""What ``fuzz.py`` is made of: mutators, doors (what is attacked, and how a case is made), and the guard of a case."""
