"""Routes: the addresses that the server has, as a table. What is not in it is not there, though gradio have it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote

from tonescope.ui.web.asgi import Application, Receive, Scope, Send, refuse

KIBIBYTE, MEBIBYTE = 2**10, 2**20
MOST_JSON = MEBIBYTE  # of what a page or a program sends
MOST_UPLOAD = 64 * MEBIBYTE
ASSETS = "/tonescope/"  # the frame's own files

UPLOAD = "/gradio_api/upload"
FEEDBACK = "/feedback"  # on a prompt that is being typed
DRAFT = "/draft"  # of one whose typing paused


@dataclass(frozen=True)
class Route:
    """A set of addresses: the methods they take, their paths as a regular expression, how large a body may be."""

    methods: tuple[str, ...]
    path: str
    most_bytes: int = 0
    is_open: bool = False  # without signing in


_READ, _POST = ("GET", "HEAD"), ("POST",)
ROUTES = (
    Route(_READ, r"/tonescope/[a-z_.-]+", is_open=True),
    Route(("GET", "HEAD", "POST"), r"/login", 4 * KIBIBYTE, is_open=True),
    Route(_POST, r"/logout", 4 * KIBIBYTE, is_open=True),
    Route(_READ, r"/favicon\.ico|/robots\.txt", is_open=True),
    Route(_READ, r"/assets/[\w.-]+|/static/[\w./-]+|/theme\.css|/config"),
    Route(
        _READ,
        r"/run/[\w-]+(/state|/audio/(early|result)/[0-9]+\.flac|/(report\.html|card\.png|run\.zip|steering\.json|result\.json|takes\.parquet))?",
    ),
    Route(_READ, r"/microscope/([a-z]+\.[0-9]+\.[a-z_]+(:[0-9]+(/(heard|runs))?)?|artifact/[0-9a-f]+)"),
    Route(_READ, r"/gradio_api/(info|openapi\.json|startup-events|app_id|login_check|theme\.css)"),
    Route(_READ, r"/gradio_api/(heartbeat/\w+|queue/data|queue/status|upload_progress)"),
    Route(_READ, r"/gradio_api/call/(v2/)?[\w-]+/\w+"),
    Route(_READ, r"/gradio_api/file=(?!https?:).+"),
    Route(_POST, r"/gradio_api/(queue/join|run/predict|cancel|reset|call/(v2/)?[\w-]+)/?", MOST_JSON),
    Route(_POST, FEEDBACK, MOST_JSON),
    Route(_POST, DRAFT, MOST_JSON),
)
MCP = Route(("GET", "POST", "DELETE"), r"/gradio_api/mcp(/[\w./-]*)?", MOST_JSON)
UPLOADS = Route(_POST, UPLOAD, MOST_UPLOAD + MEBIBYTE)  # with what is between the files


class RouteLayer:
    """Answer only what is in the table; what was found is kept in ``scope["tonescope.route"]``.

    Args:
        pages: paths of the pages, without slashes; the first page's is empty.
        with_uploads: whether any page takes files.
        with_mcp: whether the tools are there for programs that speak MCP.
    """

    def __init__(
        self, inner: Application, pages: Iterable[str], with_uploads: bool = False, with_mcp: bool = False
    ) -> None:
        self.inner = inner
        page = Route(_READ, "/(" + "|".join(map(re.escape, pages)) + ")")
        extra = [route for route, has in ((UPLOADS, with_uploads), (MCP, with_mcp)) if has]
        self.routes = [(re.compile(route.path), route) for route in (page, *ROUTES, *extra)]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find one request's route."""
        path, method = unquote(scope["path"]), scope["method"]
        fitting = (route for found, route in self.routes if method in route.methods and found.fullmatch(path))
        route = next(fitting, None)
        if route is None or ".." in path.split("/"):
            await refuse(scope, send, 404, "Tonescope has nothing at this address.")
            return
        await self.inner({**scope, "tonescope.route": route}, receive, send)
