"""Which edits there are, and which of them take from other takes: known before anything heavy is imported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

Kind = Literal["zero", "mean", "resample", "scale", "set", "patch"]
Branch = Literal["both", "cond", "uncond"]

VALUED = ("scale", "set")  # kinds that a value goes with
NEEDS_SOURCE = ("resample", "patch")  # kinds that put in activations of played takes


def wrong_names(kind: str, branch: str) -> Iterator[str]:
    """What is wrong with the names of an edit, a sentence each."""
    for what, word, known in (("kind", kind, get_args(Kind)), ("branch", branch, get_args(Branch))):
        if word not in known:
            yield f"“{word[:20]}” is no {what} of an edit; use {', '.join(known)}."


def wrong_source(kind: str, source: str | None, takes: int) -> Iterator[str]:
    """What is wrong with the prompt that activations come from, or with there being none, a sentence each."""
    if kind == "patch" and source is None:
        yield "a patch puts in what another prompt makes of the units; name that prompt with --source."
    if source is not None and kind not in NEEDS_SOURCE:
        yield f"an edit of the kind {kind} takes nothing from a source; leave --source out, or use patch."
    if kind == "resample" and takes < 2:
        yield "resampling takes from another take, and there is only one; ask for 2 takes or more."
