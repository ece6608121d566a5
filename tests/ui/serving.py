"""The real app on a real socket of this machine, for tests that ask it things."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr
import httpx
import pytest

from tests import tiny
from tonescope.diagnose.store.workspace import VARIABLE
from tonescope.models.errors import TonescopeError
from tonescope.ui import server
from tonescope.ui.pages import page_registry
from tonescope.ui.pages.page_registry import Row
from tonescope.ui.server import ServerOptions, Serving
from tonescope.ui.web.uploads import Kind
from tonescope.ui.workshop import Workshop

FILES: frozenset[Kind] = frozenset({"sound"})
TOY = Row("toy", "Toy", "tests.ui.serving", FILES)


def build(workshop: Workshop) -> None:
    """A page that takes a file, fails as it is told to, and says in whose name it was asked."""
    from tonescope.ui.components.told_errors import told_errors
    from tonescope.ui.web.owners import owner_of

    def who(request: gr.Request) -> str:
        return f"{owner_of(request)} {request.username}"

    @told_errors
    def fail(kind: str) -> str:
        raise {"sentence": TonescopeFailure, "defect": KeyError, "disk": DiskFull}[kind]()

    gr.Textbox(label="Text")
    gr.File(label="Sound")
    gr.api(who, api_name="who")
    gr.api(fail, api_name="fail")


class TonescopeFailure(TonescopeError):
    """An error for the user, with HTML in it."""

    def __init__(self) -> None:
        super().__init__("<b>this</b> cannot be done; do that.")


class DiskFull(OSError):
    """What a full disk raises."""

    def __init__(self) -> None:
        super().__init__(28, "No space left on device", "/secret/place")


@contextmanager
def serving(options: ServerOptions | None = None, *, rows: Sequence[Row] = (), **named: Any) -> Iterator[Serving]:
    """The app of a tiny session, with some pages more, while the block lasts."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, f"{folder}/runs")
        patch.setattr(page_registry, "ROWS", [*page_registry.ROWS, *rows])
        served = server.launch(
            tiny.session(), port=0, open_browser=False, wait=False, options=options or ServerOptions(), **named
        )
        with served:
            yield served


def client(served: Serving, **named: Any) -> httpx.Client:
    """A client that knows no proxies of the system's."""
    return httpx.Client(base_url=served.url.rstrip("/"), trust_env=False, timeout=30, **named)


def call(asking: httpx.Client, name: str, *data: Any, prefix: str = "") -> tuple[str, str]:
    """Call a function by its name as programs do: the last event, and what came with it."""
    begun = asking.post(f"{prefix}/gradio_api/call/{name}", json={"data": list(data)})
    assert begun.status_code == 200, begun.text
    came = asking.get(f"{prefix}/gradio_api/call/{name}/{begun.json()['event_id']}").text
    event, _, told = came.strip().split("\n\n")[-1].partition("\n")
    return event.removeprefix("event: "), told.removeprefix("data: ")
