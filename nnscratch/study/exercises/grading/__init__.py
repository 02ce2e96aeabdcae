"""Grading what a class handed in: whose files they are, what each is worth, which mistakes are frequent."""
