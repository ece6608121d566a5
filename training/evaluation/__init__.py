"""Measurements of the embedded models, one module a model."""
