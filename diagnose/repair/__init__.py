"""Prompts that get better: what will be heard, what to change in the words, and whether it really helps."""
