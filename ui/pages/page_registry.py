"""The registry of pages: one row each. A page is its file, with a function ``build``, and its row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tonescope.ui.web.uploads import Kind

if TYPE_CHECKING:
    from tonescope.ui.workshop import Workshop


@dataclass(frozen=True)
class Row:
    """One page.

    Attributes:
        path: the last part of its address, such as ``library``; empty for the page that the app opens with.
        title: its name in the navigation and in the title of the window.
        module: its module, whose ``build(workshop)`` puts its components on the page.
        takes: the kinds of files that can be uploaded on it. What no page takes, the server refuses.
        is_listed: whether the navigation shows it; a page that is only reached by links is not.
        is_plain: whether it is made without gradio: ``build(workshop)`` then gives what answers
            (:data:`tonescope.ui.web.plain_pages.Answer`).
        job: whose runs it shows; the first page shows those of all other jobs.
    """

    path: str
    title: str
    module: str
    takes: frozenset[Kind] = frozenset()
    is_listed: bool = True
    is_plain: bool = False
    job: str = ""

    def load(self) -> Callable[[Workshop], Any]:
        """What puts its components on the page."""
        build: Callable[[Workshop], Any] = import_module(self.module).build
        return build


ROWS: list[Row] = [
    Row("", "Diagnose", "tonescope.ui.pages.diagnose", takes=frozenset({"sound"})),
    Row("microscope", "Microscope", "tonescope.ui.pages.microscope_pages", is_plain=True),
    Row("confusion", "Confusion", "tonescope.ui.pages.confusion_page", job="confusion"),
    Row("audit", "Audit", "tonescope.ui.pages.audit_page", job="audit"),
    Row("listen", "Listen", "tonescope.ui.pages.listen_page", takes=frozenset({"sound"}), job="listen"),
    Row("library", "Library", "tonescope.ui.pages.library", takes=frozenset({"run"})),
    Row("compare", "Compare", "tonescope.ui.pages.side_by_side"),
    Row("guide", "Guide", "tonescope.ui.pages.guide"),
]
