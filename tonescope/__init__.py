"""Tonescope."""
