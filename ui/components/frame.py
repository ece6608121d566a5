"""The frame around every page: header, navigation, colours, and the files that it is made of."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from tonescope.diagnose.report import render_html, web_components
from tonescope.diagnose.report.escaped_templates import templates_of

NAME = "Tonescope"
ADDRESS = "/tonescope"  # under which the frame's own files are
COLOURS = (("light", "Light"), ("dark", "Dark"), ("system", "As the system"))

_REMOVED = re.compile(
    r"""
    <meta\s+(?:property|name)="(?:og|twitter):[^>]*>            # what gradio's page says of itself for networks
    | <link\s[^>]*\brel="manifest"[^>]*>                        # ignores the path in front
    | <base\s[^>]*>                                             # by which a link within the page would leave it
    | <link\s[^>]*\bhref="https?:[^>]*>                         # fonts and scripts from elsewhere
    | <script\s[^>]*\bsrc="https?:[^>]*>\s*</script>
    """,
    re.VERBOSE,
)

_COLOURS = re.compile(r"\s*\.tonescope \{([^}]*)\}\s*\.dark \{\s*\.tonescope \{([^}]*)\}\s*\}")


@dataclass(frozen=True)
class Asset:
    """A file of the frame: what is in it, and its media type."""

    body: bytes
    kind: str

    @property
    def mark(self) -> str:
        """What changes with what is in it."""
        return hashlib.sha256(self.body).hexdigest()[:16]


@dataclass(frozen=True)
class Link:
    """A page in the navigation."""

    path: str
    title: str
    is_listed: bool = True


@dataclass(frozen=True)
class Frame:
    """The frame of one app.

    Attributes:
        links: its pages, the first at the root.
        root_path: the path that a reverse proxy puts in front, empty or as ``/music``.
    """

    links: Sequence[Link]
    root_path: str = ""

    @cached_property
    def assets(self) -> Mapping[str, Asset]:
        """The frame's own files by name; nothing else is served beside gradio's."""
        return {name: Asset(make().encode("utf-8"), kind) for name, kind, make in ASSETS}

    def around(self, page: str, path: str, user: str | None = None) -> str:
        """Gradio's page with the frame around it.

        Args:
            page: its HTML.
            path: which page it is, without slashes.
            user: who is signed in, if anyone is.

        Raises:
            ValueError: it is not built as gradio's pages are.
        """
        page = _REMOVED.sub("", page).replace('control_page_title="true"', 'control_page_title="false"')
        if len(re.findall(r"<gradio-app\b", page)) != 1 or 'charset="utf-8"' not in page:
            raise ValueError("this is no page of gradio")
        title = next(link.title for link in self.links if link.path == path)
        head, top, bottom = (
            str(getattr(self._parts, part)(self, path, title, user)) for part in ("head", "top", "bottom")
        )
        page = re.sub(r'<meta charset="utf-8" ?/?>', lambda found: found[0] + head, page, count=1)
        page = re.sub(r"<gradio-app\b", lambda found: top + found[0], page, count=1)
        return page.replace("</gradio-app>", "</gradio-app>" + bottom, 1)

    def plain(
        self, path: str, title: str, body: str, user: str | None, *, address: str = "", is_embedded: bool = False
    ) -> str:
        """A page that is made without gradio, in the frame; one that stands in somebody else's page has no header.

        Args:
            path: the page whose name in the navigation is marked.
            body: its HTML.
            address: its canonical one.
        """
        made = _templates().get_template("plain.html.j2")
        about = {"path": path, "title": title, "user": user, "address": address, "is_embedded": is_embedded}
        return made.render(frame=self, body=Markup(body), **about)

    def sign_in(self, following: str, told: str = "") -> str:
        """The page to sign in on: where it leads, and what was wrong the last time."""
        made = _templates().get_template("sign_in.html.j2")
        return made.render(frame=self, following=following, told=told)

    def address(self, asset: str) -> str:
        """Where one of its files is."""
        return f"{self.root_path}{ADDRESS}/{asset}?{self.assets[asset].mark}"

    @property
    def _parts(self) -> Any:
        return _templates().get_template("frame.html.j2").module


def _file(name: str) -> Callable[[], str]:
    return lambda: (files(__package__ or "") / name).read_text(encoding="utf-8")


def look() -> str:
    """The look of a report, its colours first, for the whole page.

    Raises:
        ValueError: the report's style does not begin with its colours by day and by night.
    """
    style = render_html.style(".dark")
    found = _COLOURS.match(style)
    if found is None:
        raise ValueError("the style of a report does not begin with its colours")
    day, night = found.groups()
    # Within :root its rules weigh more than gradio's resets, which come later.
    return f":root {{{day}}}\n:root[data-theme=dark] {{{night}}}\n:root {{\n{style}\n}}\n"


ASSETS: list[tuple[str, str, Callable[[], str]]] = [
    ("frame.css", "text/css; charset=utf-8", _file("frame.css")),
    ("look.css", "text/css; charset=utf-8", look),
    ("run.css", "text/css; charset=utf-8", _file("run.css")),
    ("feedback.css", "text/css; charset=utf-8", _file("feedback.css")),
    ("microscope.css", "text/css; charset=utf-8", _file("microscope.css")),
    ("frame.js", "text/javascript; charset=utf-8", _file("frame.js")),
    ("calls.js", "text/javascript; charset=utf-8", _file("calls.js")),
    ("run.js", "text/javascript; charset=utf-8", _file("run.js")),
    ("feedback.js", "text/javascript; charset=utf-8", _file("feedback.js")),
    ("library.js", "text/javascript; charset=utf-8", _file("library.js")),
    ("microscope.js", "text/javascript; charset=utf-8", _file("microscope.js")),
    ("components.js", "text/javascript; charset=utf-8", web_components.script),
    ("mark.svg", "image/svg+xml", _file("mark.svg")),
]
"""Files that every page loads or links: name, media type, and what makes them."""


def _templates() -> Environment:
    made = templates_of(__package__)
    made.globals |= {"colours": COLOURS, "name": NAME, "picture": Markup(_file("mark.svg")())}
    return made
