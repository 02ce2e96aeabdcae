"""The tests: folders as in the package; tools/ holds what they share."""
