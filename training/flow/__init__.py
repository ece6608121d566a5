"""A small flow-matching generator whose truth is known: a Stable Audio 3 of some ten million weights."""
