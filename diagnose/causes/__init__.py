"""Causes: which units really did it, found by muting them in regenerated takes."""
