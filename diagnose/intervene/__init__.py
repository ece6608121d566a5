"""Change units and see what comes out."""
