"""Pages that are made whole on this server, without gradio: there at once, and light enough to stand in other pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote

import anyio

from tonescope.models.errors import TonescopeError
from tonescope.ui.components.frame import Frame
from tonescope.ui.components.told_errors import sentence_of
from tonescope.ui.web.asgi import Application, Receive, Scope, Send, refuse, respond
from tonescope.ui.web.security_headers import embeddable, policy

EMBED = "embed"  # of a page's query: it is to stand in a page of somebody else's


@dataclass(frozen=True)
class Asked:
    """What is asked of a page: what follows its own path, its query, and in whose name."""

    rest: str
    query: Mapping[str, str]
    owner: str

    @property
    def is_embedded(self) -> bool:
        """Whether it stands in a page of somebody else's: it shows nothing of anybody's, and starts nothing."""
        return EMBED in self.query


@dataclass(frozen=True)
class PlainPage:
    """A page, or a part that a page fetches later.

    ``address`` is its canonical one, where it has one.
    """

    title: str
    body: str
    is_part: bool = False
    address: str = ""


Answer = Callable[[Asked], PlainPage]
"""Makes a page; raises :class:`TonescopeError` where there is none."""


class PlainLayer:
    """Answer what is asked of plain pages; all else passes.

    Args:
        pages: what makes them, by their paths, without slashes.
    """

    def __init__(self, inner: Application, pages: Mapping[str, Answer], frame: Frame) -> None:
        self.inner, self.pages, self.frame = inner, pages, frame

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path, _, rest = scope["path"].lstrip("/").partition("/")
        if path not in self.pages:
            await self.inner(scope, receive, send)
            return
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        asked = Asked(rest, query, str(scope["state"].get("owner") or ""))
        try:
            made = await anyio.to_thread.run_sync(self.pages[path], asked)
        except TonescopeError as error:
            await refuse(scope, send, 404, str(error))
            return
        except Exception as error:
            await refuse(scope, send, 500, sentence_of(error))
            return
        html = made.body if made.is_part else self._framed(path, made, asked, scope)
        body = html.encode()
        rules = policy(body)
        about = [(b"content-security-policy", (embeddable(rules) if asked.is_embedded else rules).encode())]
        await respond(send, 200, b"" if scope["method"] == "HEAD" else body, "text/html; charset=utf-8", about)

    def _framed(self, path: str, made: PlainPage, asked: Asked, scope: Scope) -> str:
        address = quote(self.frame.root_path) + made.address if made.address else ""
        user = scope["state"].get("user")
        return self.frame.plain(path, made.title, made.body, user, address=address, is_embedded=asked.is_embedded)
