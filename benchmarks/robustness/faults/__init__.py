"""What can go wrong around a run, provoked for real."""
