"""The path in front: behind a reverse proxy, whether it takes its own path off or leaves it on."""

from __future__ import annotations

from tonescope.ui.web.asgi import FRONT, Application, Receive, Scope, Send, refuse, respond


class RootPathLayer:
    """Take the path in front off a request, if the proxy has not. A page needs its last slash, so it is added."""

    def __init__(self, inner: Application, root_path: str) -> None:
        self.inner, self.root_path = inner, root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put one request's path right."""
        path = scope["path"]
        if self.root_path and path == self.root_path:
            await respond(send, 308, b"", "text/plain", [(b"location", f"{self.root_path}/".encode())])
            return
        if self.root_path and path.startswith(f"{self.root_path}/"):
            path = path.removeprefix(self.root_path)
        if not path.startswith("/"):
            await refuse(scope, send, 400, "this is no address.")
            return
        raw = path.encode("utf-8", "surrogatepass")
        await self.inner(
            {**scope, "path": path, "raw_path": raw, "root_path": "", FRONT: self.root_path}, receive, send
        )
