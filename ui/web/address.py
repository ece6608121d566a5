"""Where the server listens: a socket that is held from the first moment, so that no port is lost while models load."""

from __future__ import annotations

import errno
import ipaddress
import socket
from dataclasses import dataclass

from tonescope.models.errors import TonescopeError

WAITING = 256  # connections that may wait to be taken


@dataclass(frozen=True)
class Listening:
    """A socket that listens, and the address that a browser reaches it by."""

    socket: socket.socket
    host: str

    @property
    def port(self) -> int:
        """The port, also where any free one was asked for."""
        return int(self.socket.getsockname()[1])

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.socket.getsockname()[0].partition("%")[0]).is_loopback

    def url(self, root_path: str = "") -> str:
        """The address of the page, from this machine."""
        address = ipaddress.ip_address(self.socket.getsockname()[0].partition("%")[0])
        host = "localhost" if address.is_unspecified else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}{root_path}/"

    def close(self) -> None:
        """Give the port back."""
        self.socket.close()


def listen(host: str = "127.0.0.1", port: int = 7860) -> Listening:
    """Take a port; 0 takes any that is free. Raises :class:`TonescopeError` when it cannot be had, and says why."""
    if not 0 <= port <= 65535:
        raise TonescopeError(f"there is no port {port}; choose one from 1024 to 65535 with --port.")
    host = host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
            found.listen(WAITING)
        except BaseException:
            found.close()
            raise
    except (OSError, UnicodeError) as error:
        taken = isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES)
        raise TonescopeError(
            f"port {port} is taken, or not yours to use; choose another with --port."
            if taken
            else f"“{host[:80]}” is no address of this machine; leave --host out to listen on this machine only."
        ) from error
    return Listening(found, host)


def check_root_path(text: str) -> str:
    """The path that a reverse proxy puts in front, as ``/music``; raises :class:`TonescopeError` for what is none."""
    path = "/" + text.strip().strip("/")
    plain = all(mark.isascii() and (mark.isalnum() or mark in "-._~/") for mark in path)
    if not plain or "//" in path or any(part in (".", "..") for part in path.split("/")):
        raise TonescopeError(
            f"“{text[:80]}” is no path that a proxy can put in front; give one such as /music with --root-path."
        )
    return "" if path == "/" else path
