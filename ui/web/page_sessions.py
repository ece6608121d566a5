"""What gradio remembers of everyone who ever asked: only what would be missed is kept for long.

Gradio makes a session of every call by a program, with a copy of what all pages are made of, and keeps ten thousand.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

KEPT = 16  # sessions in which nothing was typed or uploaded; each is about a third of a MiB


class PageSessions(OrderedDict[str, Any]):
    """Sessions by name, as gradio's holder has them, the longest unused first.

    Beyond ``KEPT``, the longest unused that holds no state of a page is forgotten whenever one is added; gradio makes
    it anew if it is asked for.

    Args:
        last_used: times by session, which the holder has beside them.
    """

    def __init__(self, last_used: dict[str, Any]) -> None:
        super().__init__()
        self._last_used = last_used

    def __setitem__(self, name: str, session: Any) -> None:
        """Add one."""
        super().__setitem__(name, session)
        while len(self) > KEPT:
            idle = next((each for each in list(self) if each != name and not self[each].state_data), None)
            if idle is None:
                return
            self.pop(idle, None)
            self._last_used.pop(idle, None)


def bound_sessions(blocks: Any) -> None:
    """Bound what is remembered of sessions of an app that is mounted, where the installed gradio has such."""
    holder = getattr(blocks, "state_holder", None)
    if holder is not None and isinstance(getattr(holder, "session_data", None), OrderedDict):
        holder.session_data = PageSessions(holder.time_last_used)
