"""How the embedded models were made: composer, renderer, codec, generator, judge.

Run from the repository root as ``python -m training.NAME``; nothing here is part of the installed package.
"""
