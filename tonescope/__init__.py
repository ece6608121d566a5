"""Tonescope: why a music generator did not play what the prompt asked for.

>>> from tonescope import Session, Settings
>>> session = Session.open()                                                 # the embedded models
>>> diagnosis, evidence = session.diagnose("lo-fi beats with accordion", Settings(takes=8))
>>> print(diagnosis.verdict.sentence)

The public names are listed in ``__init__.pyi``; each is imported on first use, so that ``import tonescope`` and
``tonescope --help`` stay instant.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
