"""From a name to a model: ``embedded``, a local folder, or a Hub id (``owner/name`` or ``owner/name@revision``).

Weights are read from safetensors only and no code from a repository is run. What loads which model is in
:mod:`tonescope.models.registry`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from tonescope.models import metadata, registry, versions
from tonescope.models.checkpoints import folders, sources
from tonescope.models.checkpoints.folders import EMBEDDED, EMBEDDED_FLOW, HUB_JUDGE, MUSICNN, OURS, PICKLE, WANTED, find
from tonescope.models.errors import TonescopeError
from tonescope.models.outline import Outline, check_written
from tonescope.models.vocabulary import Vocabulary

if TYPE_CHECKING:
    from tonescope.models.generator import Generator
    from tonescope.models.judges.judge import Judge
    from tonescope.models.judges.tagger import Tagger

__all__ = [
    "DTYPES",
    "EMBEDDED",
    "EMBEDDED_FLOW",
    "HUB_JUDGE",
    "MUSICNN",
    "OURS",
    "PICKLE",
    "WANTED",
    "check_device",
    "check_dtype",
    "check_names",
    "check_places",
    "denoise_in",
    "find",
    "judge_rows",
    "load_generator",
    "load_judge",
    "load_tagger",
    "load_vocabulary",
    "shift_by",
]

DTYPES = ("float32", "float16", "bfloat16")


def check_names(model: str = EMBEDDED, judge: str | None = None, adapter: str | None = None) -> None:
    """Raise :class:`TonescopeError` for a name that leads nowhere, or to another thing, before heavy imports.

    What has to be downloaded is, the judge last: a wrong name is told before a judge is fetched.
    """
    find(model, "generator")
    if adapter is not None:
        folders.find_adapter(adapter)
    if judge is not None:
        find(judge, "judge")


def check_places(names: Sequence[str], model: str = EMBEDDED, adapter: str | None = None) -> None:
    """Raise :class:`TonescopeError` for a site, location or unit that no model has, or that this one lacks as far as
    the files of its folder tell, before heavy imports. Nothing is downloaded."""
    if model not in OURS and sources.folder(model) is None:
        check_written(names)
        return
    folder = find(model, "generator")
    row = registry.row(folders.model_type(folder, model), "generator", model)
    if not row.outline:
        check_written(names)
        return
    called = model if adapter is None else f"{model} + {adapter}"
    outline: Outline = import_module(row.outline).outline(folder, called)
    outline.check(names)


def check_device(device: str) -> None:
    """Raise :class:`TonescopeError` for a device that torch cannot use here."""
    import torch

    try:
        if torch.empty(0, device=device).device.type == "meta":
            raise RuntimeError("holds no numbers")
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise TonescopeError(f"the device “{device[:40]}” cannot be used on this machine; use --device cpu.") from error


def check_dtype(dtype: str) -> None:
    """Raise :class:`TonescopeError` for a precision that models are not loaded in."""
    if dtype not in DTYPES:
        raise TonescopeError(f"“{dtype[:40]}” is not a precision models can be loaded in; use {', '.join(DTYPES)}.")


def _quiet() -> None:
    """No bars for reading weights from disk; those for downloads stay."""
    from huggingface_hub.utils.tqdm import enable_progress_bars
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    enable_progress_bars()


def load_generator(
    name: str = EMBEDDED, device: str = "cpu", dtype: str = "float32", adapter: str | None = None
) -> Generator:
    """Load a generator, with a PEFT adapter on top if one is named. Warns where libraries run that were not tested.

    Raises :class:`TonescopeError` when a name leads nowhere or to something else.
    """
    if notice := versions.notice():
        warnings.warn(notice, versions.UntestedVersion, stacklevel=2)
    check_dtype(dtype)
    folder = find(name, "generator")
    if adapter is not None:
        folders.find_adapter(adapter)
    import torch

    _quiet()
    row = registry.row(folders.model_type(folder, name), "generator", name)
    made: Generator = folders.attempt(name, lambda: row.load(folder, name, device, getattr(torch, dtype), adapter))
    return made


def denoise_in(generator: Generator, steps: int) -> None:
    """Let a generator play in so many denoising steps. Raises :class:`TonescopeError` for one that does not denoise."""
    change = getattr(generator, "denoise_in", None)
    if change is None:
        raise TonescopeError(f"{generator.name} has no denoising steps to choose; leave --denoising-steps out.")
    change(steps)


def shift_by(generator: Generator, shift: float) -> None:
    """Let a generator play with so much shift. Raises :class:`TonescopeError` for one that has none."""
    change = getattr(generator, "shift_by", None)
    if change is None:
        raise TonescopeError(f"{generator.name} has no shift to choose; leave --shift out.")
    change(shift)


def load_vocabulary(name: str = EMBEDDED) -> Vocabulary | None:
    """The words a generator was trained on, for folders that say so."""
    words = metadata.read(find(name, "generator")).words
    return Vocabulary(frozenset(words)) if words else None


def judge_rows(name: str = EMBEDDED) -> list[dict[str, Any]]:
    """The labels that come with a judge (``label``, ``family``, ``aliases``); empty for one that brings none."""
    return [row.model_dump() for row in metadata.read(find(name, "judge")).labels]


def load_judge(name: str = EMBEDDED, labels: Sequence[str] = (), device: str = "cpu") -> Judge:
    """Load a judge that chooses between ``labels``, or between its own where it brings some.

    Raises :class:`TonescopeError` as :func:`load_generator` does.
    """
    folder = find(name, "judge")
    _quiet()
    row = registry.row(folders.model_type(folder, name), "judge", name)
    made: Judge = folders.attempt(name, lambda: row.load(folder, name, labels, device))
    return made


def load_tagger(name: str = MUSICNN[0], device: str = "cpu") -> Tagger:
    """Load a tagger: one of :data:`MUSICNN`, which are shipped, or a folder.

    Raises :class:`TonescopeError` as :func:`load_generator` does.
    """
    folder = find(name, "tagger")
    row = registry.row(folders.model_type(folder, name), "tagger", name)
    made: Tagger = folders.attempt(name, lambda: row.load(folder, name, device))
    return made
