"""The words of ASGI that the layers of this package share: applications, and how a request is refused."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from html import escape
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
FRONT = "tonescope.front"  # of a request: the path that a reverse proxy puts in front

REASONS = {
    400: "This cannot be understood",
    401: "Sign in first",
    403: "This is not allowed",
    404: "There is nothing here",
    413: "This is too large",
    415: "This kind of file is not taken",
    421: "This is not a name of this server",
    429: "Too many attempts",
    507: "The disk is full",
}


def header(scope: Scope, name: str) -> str | None:
    """The first header of a name (lower case), or nothing."""
    return next(iter(headers(scope, name)), None)


def headers(scope: Scope, name: str) -> list[str]:
    """All headers of a name (lower case)."""
    wanted = name.encode("ascii")
    return [value.decode("latin-1") for key, value in scope["headers"] if key == wanted]


def without_headers(scope: Scope, *names: str) -> Scope:
    """The same request without some headers (lower case)."""
    dropped = {name.encode("ascii") for name in names}
    return {**scope, "headers": [(key, value) for key, value in scope["headers"] if key not in dropped]}


def cookie(scope: Scope, name: str) -> str | None:
    """A cookie of the request; the first, where a browser sends several of one name."""
    for line in headers(scope, "cookie"):
        for part in line.split(";"):
            key, _, value = part.strip().partition("=")
            if key == name:
                return value
    return None


def wants_html(scope: Scope) -> bool:
    """Whether a person in a browser asks, and not a program."""
    return scope["method"] in ("GET", "HEAD") and "text/html" in (header(scope, "accept") or "")


async def respond(
    send: Send, status: int, body: bytes, kind: str, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Answer with a whole body of a media type."""
    about = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *(extra or [])]
    await send({"type": "http.response.start", "status": status, "headers": about})
    await send({"type": "http.response.body", "body": body})


async def refuse(
    scope: Scope, send: Send, status: int, sentence: str, extra: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Answer that something cannot be had, in one sentence: as a page for people, as JSON for programs."""
    sentence = sentence[:1].upper() + sentence[1:]
    if wants_html(scope):
        title = REASONS.get(status, "This did not work")
        way = _WAY.format(front=escape(scope[FRONT])) if status == 404 and FRONT in scope else ""
        page = _PAGE.format(title=escape(title), sentence=escape(sentence), way=way)
        await respond(send, status, page.encode(), "text/html; charset=utf-8", extra)
    else:
        # Gradio's clients show "detail", its page shows "error".
        body = json.dumps({"detail": sentence, "error": sentence}).encode()
        await respond(send, status, body, "application/json", extra)


async def whole_body(receive: Receive, most_bytes: int) -> bytes | None:
    """The body of a request, counted as it comes; ``None`` as soon as it is larger than it may be.

    Raises ``ConnectionError`` when the client goes away.
    """
    parts, counted = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionError("the client went away")
        part = message.get("body", b"")
        counted += len(part)
        if counted > most_bytes:
            return None
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A request whose body was read already, for who comes next; after it, what the connection says."""
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


_WAY = '<p><a href="{front}/">Open Tonescope</a></p>'
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title} · Tonescope</title>
<style>body {{ font: 17px/1.6 system-ui, sans-serif; max-width: 34em; margin: 15vh auto; padding: 0 24px; }}
h1 {{ font-size: 24px; font-weight: 600; }}</style></head>
<body><main><h1>{title}</h1><p>{sentence}</p>{way}</main></body></html>
"""
