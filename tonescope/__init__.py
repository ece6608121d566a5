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
    from .diagnose.attribution import Attribution, attribute
    from .diagnose.experiment import Experiment
    from .diagnose.interventions import Edit, edited, regenerate
    from .diagnose.metrics import log_probability, margin
    from .diagnose.result import Diagnosis
    from .diagnose.session import Session
    from .diagnose.settings import Settings
    from .diagnose.trace import Keep, Trace, record
    from .models.errors import TonescopeError
    from .models.generator import Generator, Sampling, Takes
    from .models.judge import Judge
    from .models.loading import load_generator, load_judge
    from .models.sampling import PairedSampling
    from .models.units import Location, Unit

_WHERE = {
    "Attribution": ".diagnose.attribution",
    "attribute": ".diagnose.attribution",
    "Experiment": ".diagnose.experiment",
    "Edit": ".diagnose.interventions",
    "edited": ".diagnose.interventions",
    "regenerate": ".diagnose.interventions",
    "log_probability": ".diagnose.metrics",
    "margin": ".diagnose.metrics",
    "Diagnosis": ".diagnose.result",
    "Session": ".diagnose.session",
    "Settings": ".diagnose.settings",
    "Keep": ".diagnose.trace",
    "Trace": ".diagnose.trace",
    "record": ".diagnose.trace",
    "TonescopeError": ".models.errors",
    "Generator": ".models.generator",
    "Sampling": ".models.generator",
    "Takes": ".models.generator",
    "Judge": ".models.judge",
    "load_generator": ".models.loading",
    "load_judge": ".models.loading",
    "PairedSampling": ".models.sampling",
    "Location": ".models.units",
    "Unit": ".models.units",
}
__all__ = [
    "Attribution",
    "Diagnosis",
    "Edit",
    "Experiment",
    "Generator",
    "Judge",
    "Keep",
    "Location",
    "PairedSampling",
    "Sampling",
    "Session",
    "Settings",
    "Takes",
    "TonescopeError",
    "Trace",
    "Unit",
    "attribute",
    "edited",
    "load_generator",
    "load_judge",
    "log_probability",
    "margin",
    "record",
    "regenerate",
]


def __getattr__(name: str) -> Any:
    """Import on first use: ``import tonescope`` and ``tonescope --help`` stay instant."""
    if name in _WHERE:
        return getattr(import_module(_WHERE[name], __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
