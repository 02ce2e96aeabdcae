"""The page: draw a digit, see what the networks think, and why. ``app.py`` is the application."""
