"""Dressing: gradio's page gets our frame before it is sent, so that the header is there before any script runs."""

from __future__ import annotations

from collections.abc import Mapping

from tonescope.ui.components.frame import Frame
from tonescope.ui.web.asgi import Application, Message, Receive, Scope, Send, respond, without_headers
from tonescope.ui.web.routes import ASSETS
from tonescope.ui.web.security_headers import HASHED_FOR_GOOD, policy


class DressLayer:
    """Put the frame around the pages, and serve the frame's own files.

    Args:
        pages: the title of each page by its path, without slashes.
    """

    def __init__(self, inner: Application, frame: Frame, pages: Mapping[str, str]) -> None:
        self.inner, self.frame, self.pages = inner, frame, pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]
        if path.startswith(ASSETS):
            await self._asset(path.removeprefix(ASSETS), scope, send)
        elif path.removeprefix("/") in self.pages and scope["method"] == "GET":
            await self._page(path.removeprefix("/"), scope, receive, send)
        else:
            await self.inner(scope, receive, send)

    async def _asset(self, name: str, scope: Scope, send: Send) -> None:
        asset = self.frame.assets.get(name)
        if asset is None:
            await respond(send, 404, b"", "text/plain")
            return
        # A file is asked for with its hash, so what comes under one address never changes.
        kept = [(b"cache-control", HASHED_FOR_GOOD)] if scope["query_string"] else []
        await respond(send, 200, b"" if scope["method"] == "HEAD" else asset.body, asset.kind, kept)

    async def _page(self, page: str, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self.inner(without_headers(scope, "accept-encoding"), receive, hold)
        if not held or held[0]["status"] != 200:
            for message in held:
                await send(message)
            return
        plain = b"".join(message.get("body", b"") for message in held[1:])
        made = self.frame.around(plain.decode("utf-8"), page, scope["state"].get("user")).encode()
        replaced = (b"content-length", b"content-security-policy", b"content-type", b"cache-control")
        about = [pair for pair in held[0]["headers"] if pair[0].lower() not in replaced]
        about += [(b"content-security-policy", policy(made).encode()), (b"cache-control", b"no-store")]
        await respond(send, 200, made, "text/html; charset=utf-8", about)
