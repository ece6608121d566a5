"""Model families: one declarative file each, saying which module is which site. No code that runs.

A path is looked up from the model object; ``{}`` is the layer. To add a family, add a file and a row of :data:`FAMILIES`.
"""

from __future__ import annotations

from . import musicgen, musicgen_melody, text
from .family import Family, Key

FAMILIES: tuple[Family, ...] = (musicgen.FAMILY, musicgen_melody.FAMILY)
TEXT_PATHS: dict[str, dict[Key, str]] = text.PATHS

__all__ = ["FAMILIES", "TEXT_PATHS", "Family", "Key"]
