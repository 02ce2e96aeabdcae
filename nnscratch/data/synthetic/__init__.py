"""Images made by the library: digits written otherwise, and what is no digit."""
