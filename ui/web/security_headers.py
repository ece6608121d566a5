"""Headers that keep a browser from doing more with a page than it should.

Scripts come from this server and from the page as it was made here, never from elsewhere and never out of text: inline
scripts are named by their hashes. ``unsafe-eval`` has to stay, since gradio compiles the templates of its HTML
component in the browser; so have inline styles.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence

from tonescope.ui.web.asgi import Application, Message, Receive, Scope, Send

_INLINE = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
POLICY = (
    "default-src 'none'",
    "script-src 'self' 'unsafe-eval' {hashes}",
    "worker-src 'self' blob:",
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "media-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self' data: blob:",
    "manifest-src 'self'",
    "base-uri 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
)
STRICT = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"  # of all that is no page
FIXED = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
)
ANYBODY = b"frame-ancestors *"  # in the policy of a page that may stand in others
HASHED_FOR_GOOD = b"public, max-age=31536000, immutable"  # files whose names change with what is in them
ALONE = (b"x-frame-options", b"cross-origin-resource-policy")  # of pages that stand alone
_POLICY = b"content-security-policy"


def policy(html: bytes) -> str:
    """The content security policy of a page: it allows the inline scripts that it has, and no others."""
    found: Sequence[bytes] = _INLINE.findall(html)
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(each).digest()).decode()}'" for each in found)
    return "; ".join(POLICY).format(hashes=hashes).replace("  ", " ")


def embeddable(rules: str) -> str:
    """The policy of a page that may stand in the pages of others: nothing can be started from it."""
    return rules.replace("frame-ancestors 'none'", ANYBODY.decode())


class HeaderLayer:
    """Put these headers on every answer. Nothing is allowed to pages elsewhere, whatever gradio would allow them."""

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        path = scope["path"]

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    (key, value)
                    for key, value in message["headers"]
                    if not key.lower().startswith(b"access-control-") and key.lower() != b"server"
                ]
                named = {key.lower() for key, _ in kept}
                is_embedded = any(key.lower() == _POLICY and ANYBODY in value for key, value in kept)
                added = [pair for pair in FIXED if pair[0] not in named and not (is_embedded and pair[0] in ALONE)]
                if _POLICY not in named:
                    added.append((_POLICY, STRICT.encode()))
                if b"cache-control" not in named:
                    is_fixed = "/assets/" in path and message["status"] == 200
                    added.append((b"cache-control", HASHED_FOR_GOOD if is_fixed else b"no-store"))
                message = {**message, "headers": [*kept, *added]}
            await send(message)

        await self.inner(scope, receive, answer)
