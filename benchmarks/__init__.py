"""Measurements and attacks; README.md says what there is."""
