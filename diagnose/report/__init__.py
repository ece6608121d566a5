"""A diagnosis as figures, as one HTML page, and as files."""
