"""Tonescope: why a music generator did not play what the prompt asked for.

>>> from tonescope import Session, default_settings
>>> session = Session.open()                                                 # the embedded models
>>> diagnosis, evidence = session.diagnose("lo-fi beats with accordion", default_settings(takes=8))
>>> print(diagnosis.verdict.sentence)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnose.result import Diagnosis, Settings
    from .diagnose.session import Session, default_settings
    from .models.errors import TonescopeError

_WHERE = {
    "Session": ".diagnose.session",
    "default_settings": ".diagnose.session",
    "Diagnosis": ".diagnose.result",
    "Settings": ".diagnose.result",
    "TonescopeError": ".models.errors",
}
__all__ = ["Diagnosis", "Session", "Settings", "TonescopeError", "default_settings"]


def __getattr__(name: str) -> Any:
    """Import on first use: ``import tonescope`` and ``tonescope --help`` stay instant."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
