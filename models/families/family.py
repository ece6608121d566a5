"""What there is to say about a family."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Key = tuple[str, str]
"""Network and site name, as in :data:`..units.SITES`."""


@dataclass(frozen=True)
class Family:
    """Where the sites of a model class are, and how it reads its prompt.

    Attributes:
        model_class, model_type: the transformers class, and the type its configuration states.
        backbone: the module that runs the decoder's layers.
        reads: ``cross`` (text through cross-attention) or ``prefix`` (text as the first positions of the decoder's input).
        paths: module path of each site.
        lacks: why a site that other families have does not exist here, and what to look at instead.
    """

    model_class: str
    model_type: str
    backbone: str
    reads: Literal["cross", "prefix"]
    paths: dict[Key, str]
    lacks: dict[Key, str] = field(default_factory=dict)
