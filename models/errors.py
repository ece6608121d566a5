"""The one exception that is meant for people to read."""

from __future__ import annotations


class TonescopeError(Exception):
    """Something the user can mend. Its message is one sentence: what is wrong, why, and what to do."""
