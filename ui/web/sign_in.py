"""Signing in: a page for people, the same address for Gradio's clients, HTTP Basic for other programs.

Who is signed in is a random mark in a cookie that this process knows; a new start asks again.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote

import anyio
import anyio.to_thread

from tonescope.ui.components.frame import Frame
from tonescope.ui.web.accounts import Accounts
from tonescope.ui.web.asgi import (
    Application,
    Receive,
    Scope,
    Send,
    cookie,
    header,
    refuse,
    respond,
    wants_html,
    whole_body,
)
from tonescope.ui.web.owners import set_cookie
from tonescope.ui.web.security_headers import policy

LASTS = 30 * 24 * 3600.0  # seconds that a sign-in holds
MOST_TRIES, TRIES_WITHIN = 10, 300.0  # wrong passwords for one name from one client, and within how many seconds
MOST_KEPT = 10_000  # sign-ins and counters; the oldest go first
AT_ONCE = 2  # passwords that are checked at a time: each takes 16 MiB and a core
BASIC_LASTS = 300.0  # seconds for which a right pair of name and password is not hashed again
WRONG = "Name or password are not right."


@dataclass
class SignIns:
    """Who is signed in, and who tried."""

    accounts: Accounts
    _marks: dict[str, tuple[str, float]] = field(default_factory=dict)
    _basic: dict[str, tuple[str, float]] = field(default_factory=dict)
    _tries: dict[str, list[float]] = field(default_factory=dict)
    _at_once: anyio.CapacityLimiter | None = None

    def begin(self, user: str) -> str:
        """Sign someone in; returns the mark for their cookie."""
        mark = secrets.token_urlsafe(24)
        self._marks[_digest(mark)] = (user, time.monotonic() + LASTS)
        _shorten(self._marks)
        return mark

    def end(self, mark: str | None) -> None:
        """Sign out whoever has this mark."""
        self._marks.pop(_digest(mark or ""), None)

    def of_mark(self, mark: str | None) -> str | None:
        """Who has a mark: someone who is still in the file."""
        user, until = self._marks.get(_digest(mark or ""), ("", 0.0))
        return user if until > time.monotonic() and self.accounts.has(user) else None

    async def check(self, client: str, user: str, password: str) -> bool | None:
        """Whether a password is right; ``None`` where a client was wrong too often about this name: then it is
        not even looked at."""
        now, who = time.monotonic(), f"{client} {user[:80]}"
        recent = [at for at in self._tries.get(who, []) if now - at < TRIES_WITHIN]
        if len(recent) >= MOST_TRIES:
            return None
        # Counted before it is looked at: many that come at once are as many tries.
        self._tries[who] = [*recent, now]
        _shorten(self._tries)
        if self._at_once is None:
            self._at_once = anyio.CapacityLimiter(AT_ONCE)
        is_right = await anyio.to_thread.run_sync(self.accounts.check, user, password, limiter=self._at_once)
        if is_right:
            self._tries.pop(who, None)
        return is_right

    async def of_basic(self, client: str, line: str | None) -> str | None:
        """Who is meant by an ``Authorization: Basic`` header, if its password is right."""
        kind, _, coded = (line or "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, separator, password = base64.b64decode(coded, validate=True).decode("utf-8").partition(":")
        except ValueError:
            return None
        known, until = self._basic.get(_digest(coded), ("", 0.0))
        if known and until > time.monotonic() and self.accounts.has(known):
            return known
        if not separator or not await self.check(client, user, password):
            return None
        self._basic[_digest(coded)] = (user, time.monotonic() + BASIC_LASTS)
        _shorten(self._basic)
        return user


def _digest(mark: str) -> str:
    return hashlib.sha256(mark.encode("utf-8", "surrogatepass")).hexdigest()


def _shorten(kept: dict[str, object] | dict[str, tuple[str, float]] | dict[str, list[float]]) -> None:
    while len(kept) > MOST_KEPT:
        kept.pop(next(iter(kept)))


class SignInLayer:
    """Let only people through who signed in; their names are in ``scope["state"]["user"]``.

    Args:
        frame: what the page for signing in looks like.
        port: it is in the cookie's name, since browsers send cookies to every port of a host.
    """

    def __init__(self, inner: Application, sign_ins: SignIns, frame: Frame, port: int) -> None:
        self.inner, self.sign_ins, self.frame = inner, sign_ins, frame
        self.root, self.cookie = frame.root_path, f"tonescope-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, or ask who it is."""
        client = (scope.get("client") or ("",))[0]
        mark = cookie(scope, self.cookie)
        user = self.sign_ins.of_mark(mark) or await self.sign_ins.of_basic(client, header(scope, "authorization"))
        if scope["path"] == "/login":
            await self._login(scope, receive, send, client)
        elif scope["path"] == "/logout":
            self.sign_ins.end(mark)
            gone = set_cookie(scope, self.cookie, "", self.root or "/", 0)
            await respond(send, 303, b"", "text/plain", [(b"location", f"{self.root}/login".encode()), gone])
        elif user is not None:
            scope.setdefault("state", {})["user"] = user
            await self.inner(scope, receive, send)
        elif scope["tonescope.route"].is_open:
            await self.inner(scope, receive, send)
        elif wants_html(scope):
            query = scope["query_string"].decode("latin-1")
            asked = f"{quote(scope['path'], safe='/')}{'?' * bool(query)}{query}"
            where = f"{self.root}/login?next={quote(asked, safe='/')}"
            await respond(send, 303, b"", "text/plain", [(b"location", where.encode())])
        else:
            asks = [(b"www-authenticate", b'Basic realm="Tonescope", charset="UTF-8"')]
            await refuse(scope, send, 401, "sign in first.", asks)

    async def _login(self, scope: Scope, receive: Receive, send: Send, client: str) -> None:
        """The page, and what is typed into it; Gradio's clients send the same and want JSON."""
        following = _following(scope["query_string"])
        if scope["method"] != "POST":
            await self._page(send, following)
            return
        try:
            body = await whole_body(receive, scope["tonescope.route"].most_bytes)
        except ConnectionError:
            return
        typed = parse_qs((body or b"").decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=10)
        user, password = (typed.get(name, [""])[0] for name in ("username", "password"))
        is_right = await self.sign_ins.check(client, user, password)
        is_person = "text/html" in (header(scope, "accept") or "")
        if is_right:
            kept = set_cookie(scope, self.cookie, self.sign_ins.begin(user), self.root or "/", int(LASTS))
            if is_person:
                where = f"{self.root}{following}".encode("latin-1", "replace")
                await respond(send, 303, b"", "text/plain", [(b"location", where), kept])
            else:
                await respond(send, 200, json.dumps({"success": True}).encode(), "application/json", [kept])
            return
        minutes = round(TRIES_WITHIN / 60)
        status, told = (400, WRONG) if is_right is False else (429, f"Too many attempts; wait {minutes} minutes.")
        if is_person:
            await self._page(send, following, told, status)
        else:
            await refuse(scope, send, status, told)

    async def _page(self, send: Send, following: str, told: str = "", status: int = 200) -> None:
        page = self.frame.sign_in(following, told).encode()
        about = [(b"content-security-policy", policy(page).encode())]
        await respond(send, status, page, "text/html; charset=utf-8", about)


def _following(query: bytes) -> str:
    """Where to go after signing in: a path of this server, never another's."""
    asked = parse_qs(query.decode("latin-1")).get("next", ["/"])[0]
    is_own = asked.startswith("/") and not asked.startswith("//") and "\\" not in asked and asked.isprintable()
    return quote(asked, safe="/?=&%") if is_own else "/"
