"""The proxies of the system, put aside: this machine's own addresses are not reached through them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = "_proxy"


@contextmanager
def without_proxies() -> Iterator[None]:
    """In the block, the environment names no proxy.

    Gradio makes an HTTP client when it is imported, which fails for a SOCKS proxy where a package is missing.
    """
    kept = {name: value for name, value in os.environ.items() if name.lower().endswith(_ENDING)}
    for name in kept:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(kept)
