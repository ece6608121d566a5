"""The server: the app's pages behind every layer that guards them, and its way from the first socket to Ctrl-C."""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import threading
import time
import traceback
import warnings
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI, Request

from tonescope.diagnose.runtime.session import Session
from tonescope.diagnose.store.workspace import Workspace
from tonescope.models.errors import TonescopeError
from tonescope.ui import console
from tonescope.ui.components import run_view
from tonescope.ui.components.frame import NAME, Frame, Link
from tonescope.ui.pages import page_registry
from tonescope.ui.web.accounts import Accounts
from tonescope.ui.web.address import Listening, check_root_path, listen
from tonescope.ui.web.asgi import Application, Receive, Scope, Send
from tonescope.ui.web.bodies import BodyLayer
from tonescope.ui.web.dressing import DressLayer
from tonescope.ui.web.feedback_address import FeedbackLayer
from tonescope.ui.web.forwarded import ForwardedLayer
from tonescope.ui.web.hosts import HostLayer, Hosts
from tonescope.ui.web.owners import OwnerLayer
from tonescope.ui.web.page_sessions import bound_sessions
from tonescope.ui.web.plain_pages import PlainLayer
from tonescope.ui.web.root_path import RootPathLayer
from tonescope.ui.web.routes import MOST_UPLOAD, RouteLayer
from tonescope.ui.web.run_addresses import RunLayer
from tonescope.ui.web.security_headers import HeaderLayer
from tonescope.ui.web.sign_in import SignInLayer, SignIns
from tonescope.ui.web.temporary import temporary_folder
from tonescope.ui.web.uploads import UploadLayer
from tonescope.ui.web.without_proxies import without_proxies
from tonescope.ui.workshop import PATIENCE, Workshop

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
with without_proxies():
    import gradio as gr
    import gradio.routes

    from tonescope.ui.components.theme import theme

KEPT_SECONDS = 3600  # how long the pages' sounds stay on disk
GRACE = 2  # seconds that open connections get at the end
MCP_MISSING = 'the tools for programs need a package more; install it with: pip install "tonescope[mcp]"'


@dataclass(frozen=True)
class ServerOptions:
    """How an app is served.

    Attributes:
        root_path: the path that a reverse proxy puts in front, as ``/music``.
        allowed_hosts: names that it answers to beside this machine's own, such as ``music.example.org``.
        accounts: a file of people who may use it; without one, all who reach it.
        mcp: whether pages' functions are also tools for programs that speak MCP.
        memory_gib: how much more memory a run may use; without it, most of what is free.
        workspace: the folder that keeps runs; without one, the user's own.
    """

    root_path: str = ""
    allowed_hosts: Sequence[str] = ()
    accounts: Path | None = None
    mcp: bool = False
    memory_gib: float | None = None
    workspace: Path | None = None

    def checked(self) -> ServerOptions:
        """The same, put right; raises :class:`TonescopeError` for what cannot be served."""
        if self.mcp and find_spec("mcp") is None:
            raise TonescopeError(MCP_MISSING)
        Hosts.of(self.allowed_hosts, is_local=True)
        if self.accounts is not None:
            Accounts(self.accounts)
        return replace(self, root_path=check_root_path(self.root_path))


def opened(session: Session, options: ServerOptions) -> Workshop:
    """A workshop on its workspace; raises :class:`TonescopeError` where that cannot be used."""
    return Workshop(session, Workspace.open(options.workspace), options.memory_gib, options.root_path)


def build(workshop: Workshop, rows: Sequence[page_registry.Row] | None = None) -> gr.Blocks:
    """All pages as one gradio app, without anything around it."""
    first, *others = page_registry.ROWS if rows is None else rows
    with gr.Blocks(title=NAME, analytics_enabled=False, delete_cache=(KEPT_SECONDS, KEPT_SECONDS)) as blocks:
        first.load()(workshop)
    for row in others:
        if row.is_plain:
            continue
        with blocks.route(row.title, f"/{row.path}"):
            row.load()(workshop)
    return blocks


def app(
    session: Session,
    options: ServerOptions | None = None,
    *,
    folder: Path,
    listening: Listening | None = None,
    workshop: Workshop | None = None,
) -> Application:
    """The whole app as an ASGI application, with all that guards it, for a server of one's own.

    Args:
        session: the models.
        options: how it is served.
        folder: where uploads and sounds are put, see :func:`temporary_folder`.
        listening: where it listens; without it, it answers to names of this machine alone.
        workshop: what its pages work in.

    Raises:
        TonescopeError: it cannot be served so.
    """
    options = (options or ServerOptions()).checked()
    rows = list(page_registry.ROWS)
    workshop = workshop or opened(session, options)
    is_elsewhere = bool(options.root_path.strip("/") or options.allowed_hosts or options.accounts)
    workshop.is_for_one = (listening is None or listening.is_local) and not is_elsewhere
    # Read when it was imported, from an environment that named another folder, which may be someone else's.
    gradio.routes.DEFAULT_TEMP_DIR = str(folder)
    frame = Frame([Link(row.path, row.title, row.is_listed) for row in rows], options.root_path)
    taken = frozenset(kind for row in rows for kind in row.takes)
    hosts = Hosts.of(options.allowed_hosts, listening is None or listening.is_local)
    served = _mounted(build(workshop, rows), options)
    layers: Application = DressLayer(served, frame, {row.path: row.title for row in rows if not row.is_plain})
    plain = {row.path: row.load()(workshop) for row in rows if row.is_plain}
    layers = PlainLayer(layers, plain, frame)
    layers = RunLayer(layers, workshop, {row.job: row.path for row in rows if row.job})
    layers = FeedbackLayer(layers, workshop)
    layers = UploadLayer(layers, folder, taken)
    layers = BodyLayer(layers)
    layers = OwnerLayer(layers, options.root_path)
    if options.accounts is not None:
        port = listening.port if listening else 0
        layers = SignInLayer(layers, SignIns(Accounts(options.accounts)), frame, port)
    layers = RouteLayer(layers, [row.path for row in rows], bool(taken), options.mcp)
    layers = RootPathLayer(layers, options.root_path)
    layers = ForwardedLayer(layers, workshop)
    layers = HostLayer(layers, hosts)
    return _Outermost(HeaderLayer(layers), served)


class _Outermost:
    """Requests go through the layers, the start and the end of the server straight to the app."""

    def __init__(self, layers: Application, served: Application) -> None:
        self.layers, self.served = layers, served

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what comes; there are no websockets here."""
        if scope["type"] == "lifespan":
            await self.served(scope, receive, send)
        elif scope["type"] == "http":
            try:
                await self.layers(scope, receive, send)
            except asyncio.CancelledError:  # the server ends while a page waits for something
                return
            except Exception as error:  # gradio has answered by then, and knows no more than that it went wrong
                self._tell(scope, error)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _tell(self, scope: Scope, error: Exception) -> None:
        """Anyone can ask for what makes gradio fail, so that is one line."""
        console.tell(f"error: {type(error).__name__} at {scope['path'][:200]}")
        if os.environ.get("TONESCOPE_DEBUG", "0") not in ("", "0"):
            console.tell("".join(traceback.format_exception(error)))


def _mounted(blocks: gr.Blocks, options: ServerOptions) -> Any:
    """Gradio's app; words that the installed version does not know are left out."""
    wanted = {
        "footer_links": [],
        "run_history": False,
        "root_path": options.root_path or None,
        "show_error": False,
        "max_file_size": MOST_UPLOAD,
        "ssr_mode": False,
        "enable_monitoring": False,
        "pwa": False,
        "mcp_server": options.mcp,
        "theme": theme(),
        "auth_dependency": _user if options.accounts else None,
    }
    known = inspect.signature(gr.mount_gradio_app).parameters
    served = FastAPI(openapi_url=None)
    warnings.filterwarnings("ignore", "SSR mode")  # it is off, and gradio warns that it turns it off
    gr.mount_gradio_app(served, blocks, path="/", **{name: value for name, value in wanted.items() if name in known})
    bound_sessions(blocks)
    blocks.is_running = True  # else gradio serves whatever SVG it is told of
    return served


def _user(request: Request) -> str | None:
    """Who signed in, for gradio; the layer for it has let nobody else through."""
    return getattr(request.state, "user", None)


class _Server(uvicorn.Server):
    """A server whose end also ends what runs for its visitors."""

    def __init__(self, config: uvicorn.Config, workshop: Workshop) -> None:
        super().__init__(config)
        self.workshop = workshop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End; what runs is told first, since connections wait for it."""
        self.workshop.end_runs()
        super().handle_exit(sig, frame)


class Serving:
    """A server that runs in a thread of its own.

    Attributes:
        url: the address of its first page.
    """

    def __init__(self, server: _Server, listening: Listening, url: str, resources: ExitStack) -> None:
        self.url, self._server, self._resources = url, server, resources
        self._listening = listening
        self._thread = threading.Thread(target=server.run, kwargs={"sockets": [listening.socket]}, daemon=True)

    def start(self) -> None:
        """Return when it answers."""
        self._thread.start()
        while not self._server.started and self._thread.is_alive():
            time.sleep(0.01)

    def close(self) -> None:
        """End it and what runs in it. It can be called twice."""
        self._server.workshop.end_runs()
        self._server.should_exit = True
        self._thread.join(GRACE + PATIENCE)
        self._listening.close()
        self._resources.close()

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def launch(
    session: Session,
    host: str = "127.0.0.1",
    port: int = 7860,
    open_browser: bool = True,
    wait: bool = True,
    options: ServerOptions | None = None,
    listening: Listening | None = None,
) -> Serving:
    """Serve the pages until Ctrl-C; without ``wait``, until what is returned is closed.

    Args:
        host, port: where to listen; port 0 is any free one.
        open_browser: whether to open the page in a browser of this machine.
        options: how to serve.
        listening: an address that is held already, in place of host and port.

    Raises:
        TonescopeError: the address, a file or a folder cannot be used.
    """
    options = (options or ServerOptions()).checked()
    with ExitStack() as stack:
        listening = listening or listen(host, port)
        stack.callback(listening.close)
        folder = stack.enter_context(temporary_folder())
        workshop = opened(session, options)
        stack.callback(workshop.close)
        application = app(session, options, folder=folder, listening=listening, workshop=workshop)
        server = _Server(
            uvicorn.Config(
                application,
                log_level="critical",  # what goes wrong in the app is told by it, in one line
                access_log=False,
                server_header=False,
                lifespan="on",
                ws="none",
                timeout_graceful_shutdown=GRACE,
            ),
            workshop,
        )
        threading.Thread(target=run_view.prepare, daemon=True).start()
        url = listening.url(options.root_path)
        _announce(url, listening, options)
        if not wait:
            serving = Serving(server, listening, url, stack.pop_all())
            serving.start()
            if open_browser:
                webbrowser.open(url)
            return serving
        if open_browser:
            threading.Thread(target=_open_when_ready, args=(server, url), daemon=True).start()
        with _ended_by_signals(), suppress(KeyboardInterrupt):
            server.run(sockets=[listening.socket])
        _wait_for(workshop)
        console.tell("Stopped.")
        return Serving(server, listening, url, ExitStack())


def _announce(url: str, listening: Listening, options: ServerOptions) -> None:
    if not listening.is_local and options.accounts is None:
        console.tell(
            "Anyone who can reach this machine over its network can now run diagnoses on it; leave --host out to keep "
            "them to yourself, or let people sign in with --auth."
        )
    console.tell(f"{NAME} is at {url} (Ctrl-C ends it)")
    for name in options.allowed_hosts:
        console.tell(f"It also answers to {name}.")


def _open_when_ready(server: uvicorn.Server, url: str) -> None:
    while not server.started:
        time.sleep(0.05)
    webbrowser.open(url)


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """In the block, a request to end (SIGTERM) ends it as Ctrl-C does, so that nothing is left behind."""

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    usual = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, usual)


def _wait_for(workshop: Workshop) -> None:
    """Let what still runs notice that it has to end."""
    if not workshop.close():
        console.tell("A run did not end in time; it is left behind.")
        os._exit(0)
