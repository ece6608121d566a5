"""Bodies: how much may be sent, counted as it comes, whatever its header says; and what may be in it."""

from __future__ import annotations

import json
from typing import Any

from tonescope.ui.web.asgi import Application, Message, Receive, Scope, Send, header, refuse, replayed, whole_body
from tonescope.ui.web.routes import MEBIBYTE, UPLOAD

DEEPEST = 64  # levels of lists and objects; nothing that pages send comes near


class BodyLayer:
    """Refuse bodies that are too large for their route, and those that would make the server fetch something."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read or count one request's body."""
        most = scope["tonescope.route"].most_bytes
        if not most:
            await self.inner(scope, receive, send)
            return
        declared = header(scope, "content-length")
        if declared is not None and (not declared.isdecimal() or int(declared) > most):
            await _too_large(scope, send, most)
        elif scope["path"].rstrip("/") == UPLOAD:
            await self._counted(scope, receive, send, most)
        else:
            await self._read(scope, receive, send, most)

    async def _read(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        """A body that is read before anything is done with it."""
        try:
            body = await whole_body(receive, most)
        except ConnectionError:
            return
        if body is None:
            await _too_large(scope, send, most)
        elif "json" in (header(scope, "content-type") or "") and (wrong := _wrong(body)):
            await refuse(scope, send, 400, wrong)
        else:
            await self.inner(scope, replayed(body, receive), send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        """A body that goes on in parts. When it grows too large, what the application says of that is left out."""
        counted, has_begun = 0, False

        async def count() -> Message:
            nonlocal counted
            message = await receive()
            counted += len(message.get("body", b""))
            return message if counted <= most else {"type": "http.disconnect"}

        async def answer(message: Message) -> None:
            nonlocal has_begun
            if counted <= most or has_begun:
                has_begun = True
                await send(message)

        try:
            await self.inner(scope, count, answer)
        except Exception:
            if counted <= most:
                raise
        if counted > most and not has_begun:
            await _too_large(scope, send, most)


async def _too_large(scope: Scope, send: Send, most: int) -> None:
    size = f"{most // MEBIBYTE} MiB" if most >= MEBIBYTE else f"{most // 2**10} KiB"
    told = f"at most {size} can be sent here; send less."
    await refuse(scope, send, 413, told, [(b"connection", b"close")])


def _wrong(body: bytes) -> str | None:
    """What is wrong with JSON that pages never send; nothing, if nothing is."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        return "this is no JSON."
    return "files are uploaded; an address of one is not fetched." if _has_address(given, DEEPEST) else None


def _has_address(given: Any, deepest: int) -> bool:
    """Whether a file is named by an address, which gradio would fetch. What is nested too deep counts as one."""
    if deepest < 0:
        return True
    if isinstance(given, dict):
        path = given.get("path")
        is_address = isinstance(path, str) and "://" in path
        return is_address or any(_has_address(each, deepest - 1) for each in given.values())
    return isinstance(given, list) and any(_has_address(each, deepest - 1) for each in given)
