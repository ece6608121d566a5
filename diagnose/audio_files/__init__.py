"""Sound files: which can be read, and what is in them."""
