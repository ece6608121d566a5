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
    from tonescope.diagnose.attribution.gradients import Attribution, attribute
    from tonescope.diagnose.attribution.metrics import log_probability, margin
    from tonescope.diagnose.intervene.interventions import Edit, edited, regenerate
    from tonescope.diagnose.jobs.experiment import Experiment
    from tonescope.diagnose.runtime.session import Session
    from tonescope.diagnose.schema import Diagnosis
    from tonescope.diagnose.settings import Settings
    from tonescope.diagnose.store.traces import Trace, TraceSpec, record
    from tonescope.models.errors import TonescopeError
    from tonescope.models.families.musicgen.musicgen import Generator, Sampling, Takes
    from tonescope.models.families.musicgen.paired_sampling import PairedSampling
    from tonescope.models.judges.judge import Judge
    from tonescope.models.loading import load_generator, load_judge
    from tonescope.models.units import Location, Unit

_WHERE = {
    "Attribution": ".diagnose.attribution.gradients",
    "attribute": ".diagnose.attribution.gradients",
    "Experiment": ".diagnose.jobs.experiment",
    "Edit": ".diagnose.intervene.interventions",
    "edited": ".diagnose.intervene.interventions",
    "regenerate": ".diagnose.intervene.interventions",
    "log_probability": ".diagnose.attribution.metrics",
    "margin": ".diagnose.attribution.metrics",
    "Diagnosis": ".diagnose.schema",
    "Session": ".diagnose.runtime.session",
    "Settings": ".diagnose.settings",
    "TraceSpec": ".diagnose.store.traces",
    "Trace": ".diagnose.store.traces",
    "record": ".diagnose.store.traces",
    "TonescopeError": ".models.errors",
    "Generator": ".models.families.musicgen.musicgen",
    "Sampling": ".models.families.musicgen.musicgen",
    "Takes": ".models.families.musicgen.musicgen",
    "Judge": ".models.judges.judge",
    "load_generator": ".models.loading",
    "load_judge": ".models.loading",
    "PairedSampling": ".models.families.musicgen.paired_sampling",
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
    "Location",
    "PairedSampling",
    "Sampling",
    "Session",
    "Settings",
    "Takes",
    "TonescopeError",
    "Trace",
    "TraceSpec",
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
