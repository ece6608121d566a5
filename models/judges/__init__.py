"""Listeners: what a judge is, and the models that can be one."""
