"""Tonescope: why a music generator did not play what the prompt asked for.

>>> from tonescope import Session, Settings
>>> session = Session.open()                                                 # the embedded models
>>> diagnosis, evidence = session.diagnose("lo-fi beats with accordion", Settings(takes=8))
>>> print(diagnosis.verdict.sentence)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .diagnose.result import Diagnosis
    from .diagnose.session import Session
    from .diagnose.settings import Settings
    from .models.errors import TonescopeError

_WHERE = {
    "Session": ".diagnose.session",
    "Diagnosis": ".diagnose.result",
    "Settings": ".diagnose.settings",
    "TonescopeError": ".models.errors",
}
__all__ = ["Diagnosis", "Session", "Settings", "TonescopeError"]


def __getattr__(name: str) -> Any:
    """Import on first use: ``import tonescope`` and ``tonescope --help`` stay instant."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
