"""Hosts: under which names the server answers, and which pages may post to it.

A page elsewhere can make its own name lead to this machine (DNS rebinding), or post to it from a visitor's browser;
both are refused. Numeric addresses cannot be rebound, so a server on a network answers to all of those.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from tonescope.models.errors import TonescopeError
from tonescope.ui.web.asgi import Application, Receive, Scope, Send, header, headers, refuse, without_headers

LOCAL = "localhost"
DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class Hosts:
    """The names of a server.

    Attributes:
        named: names that its user chose; ``*.example.org`` stands for all below, ``*`` for any.
        is_local: whether it listens on this machine alone.
    """

    named: Sequence[str] = ()
    is_local: bool = True

    @classmethod
    def of(cls, named: Sequence[str], is_local: bool) -> Hosts:
        """Check names as they were typed. Raises :class:`TonescopeError` for what is no name of a host."""
        found = []
        for text in named:
            name = text.strip().lower()
            plain = name.removeprefix("*.").rstrip(".")
            if name != "*" and (not plain or split_host(plain) != (plain.strip("[]"), None) or "*" in plain):
                raise TonescopeError(
                    f"“{text[:80]}” is no name of a host; give names without http:// and without a port, such as "
                    "music.example.org."
                )
            found.append(name.rstrip(".").strip("[]"))
        return cls(tuple(found), is_local)

    def answers(self, host: str | None) -> bool:
        """Whether the server answers to a Host header."""
        parts = split_host(host or "")
        if parts is None:
            return False
        name = parts[0]
        if self.is_named(name) or name == LOCAL:
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return not self.is_local and name in _names_of_this_machine()
        return address.is_loopback or not self.is_local

    def is_named(self, name: str) -> bool:
        """Whether the user chose a name, itself or by a pattern."""
        return any(
            pattern == "*" or name == pattern or (pattern.startswith("*.") and name.endswith(pattern[1:]))
            for pattern in self.named
        )

    def is_own(self, origin: str, host: str) -> bool:
        """Whether a page of an origin is one of ours: of the address that is asked, or of a name that was chosen.

        Another port of this machine is another server's, so only the very address counts there.
        """
        try:
            parts = urlsplit(origin)
            name, port = parts.hostname, parts.port or DEFAULT_PORTS.get(parts.scheme)
        except ValueError:
            return False
        asked = split_host(host)
        if not name or asked is None or parts.scheme not in DEFAULT_PORTS:
            return False
        if name == asked[0] and port == (asked[1] or DEFAULT_PORTS[parts.scheme]):
            return True
        return "*" not in self.named and self.is_named(name) and name != LOCAL


def split_host(text: str) -> tuple[str, int | None] | None:
    """The name and port of a Host header, lower case and without brackets; ``None`` for what is none."""
    try:
        parts = urlsplit(f"//{text}")
        name, port = parts.hostname, parts.port
    except ValueError:
        return None
    allowed = name is not None and all(mark.isalnum() or mark in "-._:" for mark in name) and name.isascii()
    if not allowed or parts.path or parts.query or parts.fragment or parts.username is not None or "@" in text:
        return None
    return str(name).rstrip("."), port


def _names_of_this_machine() -> set[str]:
    name = socket.gethostname().lower()
    return {name, f"{name.partition('.')[0]}.local"}


class HostLayer:
    """Refuse other names than the server's, and whatever a foreign page sends."""

    def __init__(self, inner: Application, hosts: Hosts) -> None:
        self.inner, self.hosts = inner, hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request."""
        asked = headers(scope, "host")
        if len(asked) != 1 or not self.hosts.answers(asked[0]):
            told = asked[0][:80] if asked else ""
            await refuse(
                scope,
                send,
                421,
                f"Tonescope does not answer to the name “{told}”; who started it can allow it with --allowed-hosts.",
            )
            return
        if not self._comes_from_here(scope, asked[0]):
            await refuse(scope, send, 403, "only pages of Tonescope itself may ask for this.")
            return
        if not self.hosts.answers(header(scope, "x-forwarded-host") or asked[0]):
            scope = without_headers(scope, "x-forwarded-host")
        # Headers by which gradio would believe to be somewhere else.
        await self.inner(without_headers(scope, "x-gradio-server"), receive, send)

    def _comes_from_here(self, scope: Scope, host: str) -> bool:
        """Whether a request is no other site's: of a page of ours, of a program, or a link that was followed."""
        origins = headers(scope, "origin")
        if origins:
            reached = [host, *headers(scope, "x-forwarded-host")[:1]]
            named = [name for name in reached if self.hosts.answers(name)]
            return len(origins) == 1 and any(self.hosts.is_own(origins[0], name) for name in named)
        if scope["method"] in ("GET", "HEAD", "OPTIONS"):
            return True
        return (header(scope, "sec-fetch-site") or "none") in ("same-origin", "none")
