"""Proxies: what one passes on is asked by somebody else, though it comes from this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tonescope.ui.web.asgi import Application, Receive, Scope, Send, header

if TYPE_CHECKING:
    from tonescope.ui.workshop import Workshop

ADDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""Headers that proxies add, and browsers do not send."""


class ForwardedLayer:
    """From the first request that a proxy passed on, the app serves more people than who has the machine."""

    def __init__(self, inner: Application, workshop: Workshop) -> None:
        self.inner, self.workshop = inner, workshop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Look at one request."""
        if self.workshop.is_for_one and any(header(scope, name) is not None for name in ADDED):
            self.workshop.is_for_one = False
        await self.inner(scope, receive, send)
