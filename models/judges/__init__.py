"""Listeners: what a judge is, the models that can be one, and what follows from what they hear."""
