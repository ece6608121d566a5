"""Techniques that look at one unit or location; one file each."""
