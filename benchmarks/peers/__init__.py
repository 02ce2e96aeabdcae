"""The other frameworks: how they are installed, take turns, and agree."""
