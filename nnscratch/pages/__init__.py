"""What pages and reports are made of."""
