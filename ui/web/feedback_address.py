"""The address that a page asks for feedback, keystroke by keystroke: one request, one answer, no queue."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from tonescope.models.errors import TonescopeError
from tonescope.ui.components.told_errors import sentence_of
from tonescope.ui.web.asgi import Application, Receive, Scope, Send, refuse, respond, whole_body
from tonescope.ui.web.routes import FEEDBACK, MOST_JSON

if TYPE_CHECKING:
    from tonescope.ui.workshop import Workshop


class FeedbackLayer:
    """Answer what is asked about prompts; all else passes."""

    def __init__(self, inner: Application, workshop: Workshop) -> None:
        self.inner, self.workshop = inner, workshop
        self._one = anyio.CapacityLimiter(1)  # thread: who types fast takes none from those who look at runs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request: ``{"prompt": …, "intended": …, "settled": …}`` with ``{"html": …}``."""
        if scope["path"] != FEEDBACK:
            await self.inner(scope, receive, send)
            return
        try:
            body = await whole_body(receive, MOST_JSON)  # counted before
        except ConnectionError:  # somebody typed on
            return
        try:
            given = _read(body or b"")
            settled = given.get("settled", True) is True
            made = partial(self.workshop.feedback.html, given.get("prompt", ""), given.get("intended"), settled=settled)
            html = await anyio.to_thread.run_sync(made, limiter=self._one)
        except Exception as error:
            await refuse(scope, send, 400 if isinstance(error, TonescopeError) else 500, sentence_of(error))
            return
        await respond(send, 200, json.dumps({"html": html}).encode(), "application/json")


def _read(body: bytes) -> dict[str, Any]:
    """What was asked. Raises :class:`TonescopeError` for anything but an object of JSON."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise TonescopeError('this asks for nothing; send {"prompt": "house with piano"} as JSON.')
    return given
