"""Owners: in whose name something is asked, so that everyone finds their own runs and no one else's.

Whoever signed in is known by name. All others get a random mark in a cookie; only a hash of it leaves this file, so
that nobody who reads a list of runs can take the place of another.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from tonescope.ui.web.asgi import Application, Message, Receive, Scope, Send, cookie, header

COOKIE = "tonescope-visitor"
LIFETIME = 400 * 24 * 3600  # seconds; browsers keep nothing longer
_LENGTH = 32  # characters of a mark


def owner_of(request: Any) -> str | None:
    """The owner of what is asked with a request as gradio hands it to a function of a page; absent without one."""
    return getattr(getattr(request, "state", None), "owner", None) if request is not None else None


def visitor_of(mark: str) -> str:
    """The owner whose browser holds a mark."""
    return f"visitor:{hashlib.sha256(mark.encode()).hexdigest()[:32]}"


class OwnerLayer:
    """Put the owner into ``scope["state"]["owner"]``, and a mark into browsers that have none.

    Args:
        path: the path that the server is under; its cookies go nowhere else.
    """

    def __init__(self, inner: Application, path: str = "/") -> None:
        self.inner, self.path = inner, path or "/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find one request's owner."""
        state = scope.setdefault("state", {})
        user = state.get("user")
        mark = cookie(scope, COOKIE)
        is_new = mark is None or not (len(mark) == _LENGTH and mark.isascii() and mark.isalnum())
        if mark is None or is_new:
            mark = secrets.token_hex(_LENGTH // 2)
        state["owner"] = f"user:{user}" if user else visitor_of(mark)

        async def answer(message: Message) -> None:
            if is_new and user is None and message["type"] == "http.response.start":
                line = set_cookie(scope, COOKIE, mark, self.path, LIFETIME)
                message = {**message, "headers": [*message["headers"], line]}
            await send(message)

        await self.inner(scope, receive, answer)


def set_cookie(scope: Scope, name: str, value: str, path: str, seconds: int) -> tuple[bytes, bytes]:
    """A header that keeps a cookie, which no script and no other site can read or send."""
    is_safe = scope.get("scheme") == "https" or (header(scope, "x-forwarded-proto") or "").startswith("https")
    line = f"{name}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax" + ("; Secure" if is_safe else "")
    return b"set-cookie", line.encode("latin-1")
