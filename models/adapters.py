"""PEFT adapters (LoRA and its relatives) of a user's fine-tune, merged into the model so that every unit keeps its address."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from transformers import PreTrainedModel

from tonescope.models import sources
from tonescope.models.errors import TonescopeError

CONFIG_FILE, WEIGHTS_FILE = "adapter_config.json", "adapter_model.safetensors"


def add_adapter(model: PreTrainedModel, name: str) -> PreTrainedModel:
    """Merge the adapter in a folder, or of a Hub id (``owner/name`` or ``owner/name@revision``), into ``model``.

    Raises :class:`TonescopeError` when peft is missing, when there is no such adapter, or when it fits another model.
    """
    try:
        import peft
    except ImportError as error:
        raise TonescopeError(
            f"the adapter {name} needs the peft package, which is not installed; run `pip install tonescope[adapters]`."
        ) from error
    folder = _folder(name)
    before = _sums(model)
    try:
        config = peft.PeftConfig.from_pretrained(str(folder))
        adapted = peft.get_peft_model(model, config)
        outcome = peft.set_peft_model_state_dict(adapted, load_file(folder / WEIGHTS_FILE))
    except (ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        reason = str(error).strip().splitlines()[0][:200].rstrip(".")
        raise TonescopeError(
            f"the adapter {name} does not fit this model: {reason}; use the model it was trained on."
        ) from error
    if outcome.unexpected_keys:
        raise TonescopeError(
            f"the adapter {name} does not fit this model: it has weights for {outcome.unexpected_keys[0]}, which is not there; use the model it was trained on."
        )
    weights = dict(adapted.named_parameters())  # buffers, such as the fixed matrices of VeRA, are made anew
    if lost := [
        key for key in outcome.missing_keys if config.peft_type.value.lower() in key.lower() and key in weights
    ]:
        raise TonescopeError(
            f"the adapter {name} is not whole: its file lacks {len(lost)} of its weights, {lost[0]} for one; save it again with save_pretrained."
        )
    merged: PreTrainedModel = adapted.merge_and_unload()
    if _sums(merged) == before:
        raise TonescopeError(
            f"the adapter {name} changes nothing in this model; check that training saved its weights and not its starting point."
        )
    return merged


def _sums(model: PreTrainedModel) -> dict[str, float]:
    """What tells a changed model from an unchanged one, without a second copy of its weights."""
    return {name: float(weight.detach().double().abs().sum()) for name, weight in model.named_parameters()}


def _folder(name: str) -> Path:
    """Where the adapter's two files are, downloaded if need be."""
    path = sources.folder(name)
    if path is None:
        repository = sources.hub_id(name)
        if repository is None:
            raise TonescopeError(
                f"there is no adapter called “{name[:80]}”: give the folder that save_pretrained wrote, or a Hub id."
            )
        path = sources.download(name, "adapter", *repository, (CONFIG_FILE, WEIGHTS_FILE))
    for file in (CONFIG_FILE, WEIGHTS_FILE):
        if not (path / file).is_file():
            raise TonescopeError(
                f"the adapter {name} has no {file}; save it again with save_pretrained, which writes both (pickled weights are not opened)."
            )
    try:
        json.loads((path / CONFIG_FILE).read_text(encoding="utf-8"))
    except ValueError as error:
        raise TonescopeError(
            f"the adapter {name} has a {CONFIG_FILE} that cannot be read; save the adapter again."
        ) from error
    return path
