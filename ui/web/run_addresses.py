"""What lies under the address of a run: where it is shown, how far it is, its sounds, and its downloads.

A name is the link: who has it may look. Nothing that is sent becomes part of a path but a name that is one.
"""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio

from tonescope.diagnose.report import render_html
from tonescope.diagnose.store.run_files import TAKES
from tonescope.diagnose.store.run_list import UNFINISHED
from tonescope.models.errors import TonescopeError
from tonescope.ui.components import run_view
from tonescope.ui.components.asking import UNSEEN
from tonescope.ui.components.parameter_fields import unread
from tonescope.ui.components.told_errors import sentence_of
from tonescope.ui.web.asgi import Application, Receive, Scope, Send, header, refuse, respond

if TYPE_CHECKING:
    from tonescope.diagnose.store.run_files import Content
    from tonescope.diagnose.store.run_list import Run
    from tonescope.ui.workshop import Workshop

_ADDRESS = re.compile(r"/run/([\w-]+)(?:/(.+))?")
_AUDIO = re.compile(r"audio/(early|result)/([0-9]+\.flac)")
_QUERY = re.compile(r"(?:^|&)(mark|side|wait|from)=([\w-]*)")
SIDES = ("", "a-", "b-")  # of two runs that are shown beside each other
LONGEST_NAME = 80  # letters of a name that leads nowhere
REMEMBERED = 16  # runs whose HTML is made once for all who look
LONGEST_WAIT = 1.0  # seconds that a page waits for news of a run; how far it is changes without any
OFTEN = 0.03  # seconds between two looks at its files
FLAC, JSON, PARQUET = "audio/flac", "application/json", "application/vnd.apache.parquet"
Answer = tuple[bytes, str, str | None]
"""A body, its media type, and what a download is called."""


class RunLayer:
    """Answer what is asked of runs; all else passes.

    Args:
        pages: the paths of the pages that show runs of some jobs, by job; the first page shows all others.
    """

    def __init__(self, inner: Application, workshop: Workshop, pages: Mapping[str, str]) -> None:
        self.inner, self.workshop, self.pages = inner, workshop, pages
        self._made: dict[tuple[str, str, str], str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        found = _ADDRESS.fullmatch(scope["path"])
        if found is None:
            await self.inner(scope, receive, send)
            return
        name, part = found[1], found[2]
        if part is None:
            where = await anyio.to_thread.run_sync(self._where, name, scope["query_string"].decode("latin-1"))
            await respond(send, 303, b"", "text/plain", [(b"location", where.encode())])
            return
        origin = _origin(scope)
        query = scope["query_string"].decode("latin-1")
        try:
            if part == "state" and "wait" in dict(_QUERY.findall(query)):
                await self._news(name, query)
            body, kind, file = await anyio.to_thread.run_sync(self._answer, name, part, query, origin)
        except TonescopeError as error:
            # Where its files are is nobody's business who has the link.
            told = str(error).replace(str(self.workshop.workspace.folder), "the workspace")
            await refuse(scope, send, 404, told)
            return
        except Exception as error:
            await refuse(scope, send, 500, sentence_of(error))
            return
        extra = [(b"content-disposition", f'attachment; filename="{file}"'.encode())] if file else []
        await respond(send, 200, b"" if scope["method"] == "HEAD" else body, kind, extra)

    def _where(self, name: str, query: str) -> str:
        """The page that shows a run, and which was asked on from; where there is no such run, a page says so."""
        run = self.workshop.workspace.runs.find(name)
        page, before = self.pages.get(run.job if run else "", ""), dict(_QUERY.findall(query)).get("from", "")
        back = f"&from={before[:LONGEST_NAME]}" if before else ""
        return f"{self.workshop.root_path}/{page}?run={quote(name[:LONGEST_NAME])}{back}"

    def _answer(self, name: str, part: str, query: str, origin: str) -> Answer:
        if sound := _AUDIO.fullmatch(part):
            path = self.workshop.workspace.files(name).folder / sound[1] / "audio" / sound[2]
            if not path.is_file():
                raise TonescopeError("this sound is no longer there; open the run again.")
            return path.read_bytes(), FLAC, None
        makes: dict[str, Callable[[str], Answer]] = {
            "state": lambda name: self._state(name, query),
            "report.html": self._report,
            "card.png": lambda name: self._card(name, origin),
            "run.zip": self._archive,
            "steering.json": self._steering,
            "result.json": self._result,
            "takes.parquet": self._takes,
        }
        if part not in makes:
            raise TonescopeError("Tonescope has nothing at this address.")
        return makes[part](name)

    async def _news(self, name: str, query: str) -> None:
        """Return when there is something that a page has not, or after a while: one that asks again and again would
        take from the run the time that it waits for."""
        files = self.workshop.workspace.files(name)
        until, stamp = time.monotonic() + LONGEST_WAIT, files.stamp
        shown = await anyio.to_thread.run_sync(self._shown, name, query)
        if "html" not in shown and shown["state"] in UNFINISHED:
            while files.stamp == stamp and time.monotonic() < until:
                await anyio.sleep(OFTEN)

    def _state(self, name: str, query: str) -> Answer:
        """How far it is, and what is shown of it."""
        return json.dumps(self._shown(name, query)).encode(), JSON, None

    def _shown(self, name: str, query: str) -> dict[str, Any]:
        """How far it is; what is shown of it only where that is not what the page has already."""
        workshop = self.workshop
        told = workshop.queue.progress(name)
        run, content = workshop.workspace.runs.get(name), workshop.workspace.content(name)
        asked = dict(_QUERY.findall(query))
        mark = run_view.mark(run, content)
        shown: dict[str, Any] = {
            "name": name,
            "job": run.job,
            "title": run.title,
            "parameters": {key: value for key, value in run.parameters.items() if key not in UNSEEN},
            "state": told.state,
            "share": told.share,
            "told": run_view.progress_told(told, bool(content.views)),
            "mark": mark,
            "goes_on": run.job in run_view.RESUMED,
        }
        if asked.get("mark") != mark:
            shown["html"] = self._html(run, content, mark, asked.get("side", ""))
        return shown

    def _html(self, run: Run, content: Content, mark: str, side: str) -> str:
        """What is shown of a run, made once for each state of it."""
        key = run.name, mark, side if side in SIDES else ""
        made = self._made.get(key)
        if made is None:
            judge = self.workshop.session.judge
            listener = run_view.Listener(judge.name, judge.labels, unread(self.workshop.session.generator))
            made = run_view.html(run, content, self.workshop.address(run.name), listener, key[2])
            while len(self._made) >= REMEMBERED:
                self._made.pop(next(iter(self._made)), None)
            self._made[key] = made
        return made

    def _report(self, name: str) -> Answer:
        run, content = self.workshop.workspace.runs.get(name), self.workshop.workspace.content(name)
        made = render_html.page("Tonescope", content.views, content.sounds, has_folder=False)
        return made.encode(), "text/html; charset=utf-8", f"tonescope-{run.name[:8]}.html"

    def _card(self, name: str, origin: str) -> Answer:
        from tonescope.diagnose.report import card

        content = self.workshop.workspace.content(name)
        made = card.card(content.views, content.sounds, address=origin + self.workshop.address(name))
        if made is None:
            raise TonescopeError("there is nothing to put on a card yet; wait for the verdict.")
        return card.png(made), "image/png", f"tonescope-{name[:8]}.png"

    def _steering(self, name: str) -> Answer:
        found = run_view.steering(self.workshop.workspace.content(name))
        if found is None:
            raise TonescopeError("this run found nothing to steer by; ask for a better prompt with steering.")
        return json.dumps(found, indent=1).encode(), JSON, f"tonescope-{name[:8]}-steering.json"

    def _result(self, name: str) -> Answer:
        found = self.workshop.workspace.content(name).result
        if found is None:
            raise TonescopeError("there are no numbers of this run yet; wait until it is done.")
        return json.dumps(found, indent=1).encode(), JSON, f"tonescope-{name[:8]}.json"

    def _takes(self, name: str) -> Answer:
        path = self.workshop.workspace.files(name).final / TAKES
        if not path.is_file():
            raise TonescopeError("this run has no table of takes; open its numbers as JSON.")
        return path.read_bytes(), PARQUET, f"tonescope-{name[:8]}.parquet"

    def _archive(self, name: str) -> Answer:
        from tonescope.diagnose.store.run_archive import export_run

        with tempfile.TemporaryDirectory(prefix="tonescope-export-") as folder:
            written = export_run(self.workshop.workspace, name, Path(folder) / "run.zip")
            return written.read_bytes(), "application/zip", f"tonescope-{name[:8]}.zip"


def _origin(scope: Scope) -> str:
    """Where the server is seen from outside: a proxy before it says so in headers of its own."""
    host = header(scope, "x-forwarded-host") or header(scope, "host") or ""
    scheme = header(scope, "x-forwarded-proto") or str(scope.get("scheme", "http"))
    return f"{scheme.partition(',')[0].strip()}://{host.partition(',')[0].strip()}"
