"""PEFT adapters (LoRA and its relatives), merged into the model so that every unit keeps its address."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import nn
from torch.nn.utils.parametrize import is_parametrized
from transformers import PreTrainedModel

from tonescope.models.checkpoints import headers, size
from tonescope.models.checkpoints.folders import ADAPTER_CONFIG_FILE, ADAPTER_WEIGHTS_FILE, find_adapter, read_object
from tonescope.models.errors import TonescopeError

_PREFIX = "base_model.model."  # peft's own, before the names of the model's modules
_SUFFIX_PARTS = 2  # what peft adds behind them: lora_A.weight, lora_embedding_A, weight


def add_adapter(model: PreTrainedModel, name: str) -> PreTrainedModel:
    """Merge the adapter in a folder, or of a Hub id (``owner/name`` or ``owner/name@revision``), into ``model``.

    An adapter that was trained on a part of the model (its decoder alone) is merged into that part.

    Raises :class:`TonescopeError` when peft is missing, when there is no such adapter, or when it fits another model.
    """
    folder = find_adapter(name)
    header = headers.read(
        folder / ADAPTER_WEIGHTS_FILE, f"the adapter {name} could not be loaded: its {ADAPTER_WEIGHTS_FILE}"
    )
    if not header.shapes:
        raise TonescopeError(
            f"the adapter {name} is empty: its {ADAPTER_WEIGHTS_FILE} holds no weights; train or save it again."
        )
    try:
        import peft
    except ImportError as error:
        raise TonescopeError(
            f"the adapter {name} needs the peft package, which is not installed; run `pip install "
            '"tonescope[adapters]"`.'
        ) from error
    stated = read_object(folder / ADAPTER_CONFIG_FILE, f"the adapter {name}")
    base = stated.get("base_model_name_or_path")
    trained_on = f" ({base})" if isinstance(base, str) and base.strip() and base.isprintable() else ""
    misfit = _Misfit(name, trained_on)
    part = _part(model, header.shapes)
    if part is None:
        raise misfit.because(f"it has weights for {_module(next(iter(header.shapes)))}, which is not there")
    if normed := _normed(model.get_submodule(part), header.shapes):
        raise TonescopeError(
            f"the adapter {name} cannot be merged: it changes {_module(normed)}, whose weights are normalised "
            "(as a codec's are) "
            "and would stay as they were; give an adapter that leaves the codec alone."
        )
    _merge(model.get_submodule(part), folder, name, header, misfit, peft)
    return model


class _Misfit:
    """The refusal of an adapter that was trained on another model."""

    def __init__(self, name: str, trained_on: str) -> None:
        self.name, self.trained_on = name, trained_on

    def because(self, reason: str) -> TonescopeError:
        return TonescopeError(
            f"the adapter {self.name} does not fit this model: {reason}; use the model it was trained "
            f"on{self.trained_on}."
        )


def _merge(target: nn.Module, folder: Path, name: str, header: headers.Header, misfit: _Misfit, peft: Any) -> None:
    before = _sums(target)
    refusal = (
        f"the adapter {name} could not be loaded: its {ADAPTER_CONFIG_FILE} describes much larger weights than "
        "its file holds; "
        "save it again with save_pretrained."
    )
    try:
        config = peft.PeftConfig.from_pretrained(str(folder))
        if config.is_prompt_learning:
            raise TonescopeError(
                f"the adapter {name} is of the kind {config.peft_type.value}, which adds to the prompt and "
                "changes no weights; "
                "give one that can be merged, such as LoRA."
            )
        config.task_type = None  # how it was trained; to merge it, its weights are enough
        with size.at_most(len(header.shapes) + 64, header.elements, refusal):
            adapted = peft.get_peft_model(target, config)
        outcome = peft.set_peft_model_state_dict(adapted, load_file(folder / ADAPTER_WEIGHTS_FILE))
    except (TonescopeError, MemoryError):
        raise
    except Exception as error:  # peft and its configurations fail in many ways
        if isinstance(error, KeyError) and str(error.args[0]).startswith(_PREFIX):
            raise _not_whole(name, [str(error.args[0])]) from error
        raise misfit.because(_reason(error)) from error
    if outcome.unexpected_keys:
        raise misfit.because(f"it has weights for {_module(outcome.unexpected_keys[0])}, which is not there")
    weights = dict(adapted.named_parameters())  # buffers, such as the fixed matrices of VeRA, are made anew
    own = (config.peft_type.value.lower(), "modules_to_save")
    lost = [key for key in outcome.missing_keys if key in weights and any(mark in key.lower() for mark in own)]
    if lost:
        raise _not_whole(name, lost)
    if not hasattr(adapted, "merge_and_unload"):
        raise misfit.because(f"adapters of the kind {config.peft_type.value} cannot be merged")
    # The part's own modules are changed in place, so that the whole model has them.
    if adapted.merge_and_unload() is not target:
        raise misfit.because("it takes the place of the whole model")
    if _sums(target) == before:
        raise TonescopeError(
            f"the adapter {name} changes nothing in this model; check that training saved its weights and not "
            "its starting point."
        )


def _not_whole(name: str, lost: list[str]) -> TonescopeError:
    return TonescopeError(
        f"the adapter {name} is not whole: its file lacks {len(lost)} of its weights, {_module(lost[0])} for "
        "one; save it again "
        "with save_pretrained."
    )


def _part(model: nn.Module, keys: Iterable[str]) -> str | None:
    """The part of the model that an adapter was trained on: the outermost that has a module for every weight.

    The names in the file are relative to that part: ``base_model.model.model.decoder.layers.0`` of an adapter on the
    decoder is ``decoder.model.decoder.layers.0`` of the model. ``None`` where no part has them all.
    """
    paths = [key.removeprefix(_PREFIX).split(".") for key in keys if key.startswith(_PREFIX)]
    if not paths:
        return ""  # of a kind that names no modules, or of none: peft says which
    # A part of the model, from the whole downwards. Numbered ones are layers and no models.
    parts = sorted((name for name, _ in model.named_modules()), key=lambda name: (name.count(".") + bool(name), name))
    for part in parts:
        module = model.get_submodule(part)
        if not part.rpartition(".")[2].isdigit() and all(_within(module, path) for path in paths):
            return part
    return None


def _within(module: nn.Module, path: list[str]) -> bool:
    """Whether a dotted path leads to a module, but for what peft adds at its end."""
    steps = len(_way(module, path)) - 1
    return steps > 0 and len(path) - steps <= _SUFFIX_PARTS


def _way(module: nn.Module, path: list[str]) -> list[nn.Module]:
    """The modules along a dotted path, as far as there are any."""
    way = [module]
    for name in path:
        below = way[-1]._modules.get(name)
        if below is None:
            break
        way.append(below)
    return way


def _normed(part: nn.Module, keys: Iterable[str]) -> str | None:
    """A weight of the file for a module whose own weight is computed from others: merging would not change those."""
    for key in keys:
        if is_parametrized(_way(part, key.removeprefix(_PREFIX).split("."))[-1]):
            return key
    return None


def _module(key: str) -> str:
    text = key.removeprefix(_PREFIX)
    return "".join(letter if letter.isprintable() else "?" for letter in text)[:120]


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    told = next((line for line in lines if "size mismatch" in line), lines[0] if lines else type(error).__name__)
    return told[:200].rstrip(".")


def _sums(model: nn.Module) -> dict[str, float]:
    """What tells a changed model from an unchanged one, without a second copy of its weights."""
    return {name: float(weight.detach().double().abs().sum()) for name, weight in model.named_parameters()}
