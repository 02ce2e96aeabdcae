"""The page and all that it loads, as files: what the server sends, and what any other host can."""
