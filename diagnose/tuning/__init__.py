"""Synthetic tuning curves: families of stimuli as data, and what units respond to in them."""
