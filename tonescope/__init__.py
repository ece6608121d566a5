"""Tonescope: why a music generator did not play what the prompt asked for.

>>> from tonescope import Session, Settings
>>> session = Session.open()                                                 # the embedded models
>>> diagnosis, evidence = session.diagnose("lo-fi beats with accordion", Settings(takes=8))
>>> print(diagnosis.verdict.sentence)

The public names are listed in ``__init__.pyi``; each is imported on first use, so that ``import tonescope`` and
``tonescope --help`` stay instant.
"""

import os

import lazy_loader

# Threads that wait for one another keep their core for some milliseconds, in which nobody else gets it: two runs on one
# machine would slow each other down fourfold. This many turns are a thirtieth of what OpenMP does by itself
# (`python -m benchmarks.cores --sweep` compares numbers). OpenMP reads it while torch is imported, so a program that
# imported torch before keeps its own way of waiting, as does whoever said how.
if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
    os.environ["GOMP_SPINCOUNT"] = "10000"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
