"""The addresses that a page asks while a prompt is typed: for feedback, keystroke by keystroke, and for a draft."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from tonescope.diagnose.runtime.stopping import Stop
from tonescope.models.errors import TonescopeError
from tonescope.ui.components.told_errors import sentence_of
from tonescope.ui.web.asgi import Application, Receive, Scope, Send, refuse, respond, whole_body
from tonescope.ui.web.routes import DRAFT, FEEDBACK, MOST_JSON

if TYPE_CHECKING:
    from tonescope.ui.workshop import Workshop


class FeedbackLayer:
    """Answer what is asked about prompts that are being typed; all else passes."""

    def __init__(self, inner: Application, workshop: Workshop) -> None:
        self.inner, self.workshop = inner, workshop
        self._one = anyio.CapacityLimiter(1)  # thread: who types fast takes none from those who look at runs
        self._drafts = anyio.CapacityLimiter(4)  # that wait for one another

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request with ``{"html": …}``: for feedback ``{"prompt": …, "intended": …, "settled": …}``, for a
        draft ``{"prompt": …}``."""
        answers = {FEEDBACK: self._feedback, DRAFT: self._draft}
        if scope["path"] not in answers:
            await self.inner(scope, receive, send)
            return
        try:
            body = await whole_body(receive, MOST_JSON)  # counted before
        except ConnectionError:  # somebody typed on
            return
        try:
            html = await answers[scope["path"]](_read(body or b""), receive)
        except Exception as error:
            await refuse(scope, send, 400 if isinstance(error, TonescopeError) else 500, sentence_of(error))
            return
        await respond(send, 200, json.dumps({"html": html}).encode(), "application/json")

    async def _feedback(self, given: dict[str, Any], _: Receive) -> str:
        settled = given.get("settled", True) is True
        made = partial(self.workshop.feedback.html, given.get("prompt", ""), given.get("intended"), settled=settled)
        return await anyio.to_thread.run_sync(made, limiter=self._one)

    async def _draft(self, given: dict[str, Any], receive: Receive) -> str:
        """Stopped as soon as nobody waits for it any more: somebody typed on."""
        stop = Stop()

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            stop.ask()

        watching = asyncio.ensure_future(watch())
        try:
            made = partial(self.workshop.drafts.html, given.get("prompt", ""), stop)
            return await anyio.to_thread.run_sync(made, limiter=self._drafts)
        finally:
            watching.cancel()


def _read(body: bytes) -> dict[str, Any]:
    """What was asked. Raises :class:`TonescopeError` for anything but an object of JSON."""
    try:
        given = json.loads(body)
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise TonescopeError('this asks for nothing; send {"prompt": "house with piano"} as JSON.')
    return given
